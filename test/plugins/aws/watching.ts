import type { CloudWatch, ComparisonOperator, StandardUnit, Statistic } from "@aws-sdk/client-cloudwatch";
import type { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType, named, uniqueName } from "./aws-type.js";
import { cloudWatchIn, logsIn } from "./clients.js";
import { doing, ifThere } from "./refusals.js";
import { listed, retagging, tagsIn, unlisted } from "./tags.js";

const cloudWatchOf = ({ region }: Properties): Promise<CloudWatch> => cloudWatchIn(String(region));

/** `aws:cloudwatch/metricAlarm:MetricAlarm` (`cloudwatch/metric_alarm.go`), of one metric. */
export const metricAlarm = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: [
      ...["name", "actionsEnabled", "alarmActions", "alarmDescription", "comparisonOperator", "datapointsToAlarm"],
      ...["dimensions", "evaluationPeriods", "extendedStatistic", "insufficientDataActions", "metricName"],
      ...["namespace", "okActions", "period", "statistic", "tags", "threshold", "treatMissingData", "unit"],
    ],
    computed: ["arn"],
    replaces: ["name"],
    seen: ["threshold"],
    sets: ["alarmActions", "insufficientDataActions", "okActions"],
    autoName: named,
    make: async (given) => {
      const id = String(given["name"]);
      await doing(`creating CloudWatch Metric Alarm (${id})`, putAlarm(given));
      return id;
    },
    look: async (id, given) => {
      const cloudWatch = await cloudWatchOf(given);
      const asked = cloudWatch.describeAlarms({ AlarmNames: [id], AlarmTypes: ["MetricAlarm"] });
      const found = (await doing(`reading CloudWatch Metric Alarm (${id})`, asked)).MetricAlarms?.[0];
      if (found?.AlarmArn === undefined) return undefined;
      const { Tags } = await cloudWatch.listTagsForResource({ ResourceARN: found.AlarmArn });
      return { arn: found.AlarmArn, threshold: found.Threshold, tags: unlisted(Tags) };
    },
    change: async (id, given, before) => {
      const what = `updating CloudWatch Metric Alarm (${id})`;
      await doing(what, putAlarm(given));
      const cloudWatch = await cloudWatchOf(given);
      const ResourceARN = String(before["arn"]);
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      if (off.length > 0) await doing(what, cloudWatch.untagResource({ ResourceARN, TagKeys: off }));
      if (on.length > 0) await doing(what, cloudWatch.tagResource({ ResourceARN, Tags: on }));
    },
    remove: async (id, state) => {
      const asked = (await cloudWatchOf(state)).deleteAlarms({ AlarmNames: [id] });
      await doing(`deleting CloudWatch Metric Alarm (${id})`, ifThere(asked, "ResourceNotFound"));
    },
  });

/** Makes it or writes it over: there is one call for both, which heeds tags only when it makes. */
async function putAlarm(given: Properties): Promise<void> {
  const dimensions = (given["dimensions"] ?? {}) as Record<string, string>;
  const whom = (name: string): string[] => (given[name] ?? []) as string[];
  await (
    await cloudWatchOf(given)
  ).putMetricAlarm({
    AlarmName: String(given["name"]),
    ActionsEnabled: given["actionsEnabled"] !== false,
    AlarmActions: whom("alarmActions"),
    AlarmDescription: given["alarmDescription"] as string | undefined,
    ComparisonOperator: given["comparisonOperator"] as ComparisonOperator,
    DatapointsToAlarm: given["datapointsToAlarm"] as number | undefined,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    EvaluationPeriods: given["evaluationPeriods"] as number | undefined,
    ExtendedStatistic: given["extendedStatistic"] as string | undefined,
    InsufficientDataActions: whom("insufficientDataActions"),
    MetricName: given["metricName"] as string | undefined,
    Namespace: given["namespace"] as string | undefined,
    OKActions: whom("okActions"),
    Period: given["period"] as number | undefined,
    Statistic: given["statistic"] as Statistic | undefined,
    Tags: listed(tagsIn(given)),
    Threshold: given["threshold"] as number | undefined,
    TreatMissingData: (given["treatMissingData"] ?? "missing") as string,
    Unit: given["unit"] as StandardUnit | undefined,
  });
}

const logsOf = ({ region }: Properties): Promise<CloudWatchLogs> => logsIn(String(region));

/** `aws:cloudwatch/logGroup:LogGroup` (`logs/group.go`). */
export const logGroup = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["name", "namePrefix", "kmsKeyId", "retentionInDays", "skipDestroy", "tags"],
    computed: ["arn", "name"],
    replaces: ["logGroupClass", "name", "namePrefix"],
    seen: ["retentionInDays"],
    autoName: named,
    make: async (given) => {
      const id = uniqueName(given);
      const asked = (await logsOf(given)).createLogGroup({
        logGroupName: id,
        kmsKeyId: given["kmsKeyId"] as string | undefined,
        tags: Object.keys(tagsIn(given)).length > 0 ? { ...tagsIn(given) } : undefined,
      });
      await doing(`creating CloudWatch Logs Log Group (${id})`, asked);
      return id;
    },
    finish: async (id, given) => setRetention(await logsOf(given), id, undefined, given["retentionInDays"]),
    look: async (id, given) => {
      const logs = await logsOf(given);
      const found = await doing(`reading CloudWatch Logs Log Group (${id})`, groupNamed(logs, id));
      if (found === undefined) return undefined;
      const arn = (found.arn ?? "").replace(/:\*$/, "");
      const { tags = {} } = await logs.listTagsForResource({ resourceArn: arn });
      return { arn, name: id, retentionInDays: found.retentionInDays ?? 0, tags };
    },
    change: async (id, given, before) => {
      const logs = await logsOf(given);
      await setRetention(logs, id, before["retentionInDays"], given["retentionInDays"]);
      const { kmsKeyId } = given;
      if (kmsKeyId !== before["kmsKeyId"])
        await doing(
          `updating CloudWatch Logs Log Group (${id}) KMS key`,
          typeof kmsKeyId === "string"
            ? logs.associateKmsKey({ logGroupName: id, kmsKeyId })
            : logs.disassociateKmsKey({ logGroupName: id }),
        );
      const resourceArn = String(before["arn"]);
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      const what = `updating tags for CloudWatch Logs Log Group (${id})`;
      const tags = Object.fromEntries(on.map(({ Key, Value }) => [Key, Value]));
      if (off.length > 0) await doing(what, logs.untagResource({ resourceArn, tagKeys: off }));
      if (on.length > 0) await doing(what, logs.tagResource({ resourceArn, tags }));
    },
    remove: async (id, state) => {
      if (state["skipDestroy"] === true) return;
      const asked = (await logsOf(state)).deleteLogGroup({ logGroupName: id });
      await doing(`deleting CloudWatch Logs Log Group (${id})`, ifThere(asked, "ResourceNotFoundException"));
    },
  });

async function groupNamed(logs: CloudWatchLogs, name: string) {
  for (let nextToken: string | undefined; ;) {
    const page = await logs.describeLogGroups({ logGroupNamePrefix: name, nextToken });
    const found = page.logGroups?.find(({ logGroupName }) => logGroupName === name);
    if (found !== undefined || page.nextToken === undefined) return found;
    nextToken = page.nextToken;
  }
}

/** No days are for ever. */
async function setRetention(logs: CloudWatchLogs, logGroupName: string, before: unknown, after: unknown) {
  const [had, has] = [before, after].map((days) => (typeof days === "number" && days > 0 ? days : undefined));
  if (had === has) return;
  await doing(
    `setting CloudWatch Logs Log Group (${logGroupName}) retention policy`,
    has === undefined
      ? logs.deleteRetentionPolicy({ logGroupName })
      : logs.putRetentionPolicy({ logGroupName, retentionInDays: has }),
  );
}

import { MetricAlarm } from "@pulumi/aws/cloudwatch/metricAlarm";
import { Topic } from "@pulumi/aws/sns/topic";
import { TopicSubscription } from "@pulumi/aws/sns/topicSubscription";
import type * as pulumi from "@pulumi/pulumi";

/** Who is told: a topic of yours by its ARN, or an address, for which a topic is made; AWS asks it once whether it wants to be told. */
export type AlarmsTo = { readonly topic: string } | { readonly email: string };

/** The topic that a region's alarms go to. */
export function topicOf(
  name: string,
  to: AlarmsTo,
  { region, tags }: { readonly region: string; readonly tags: pulumi.Input<Record<string, string>> },
  opts: pulumi.CustomResourceOptions,
): pulumi.Input<string> {
  if ("topic" in to) return to.topic;
  // At rest by AWS's own key: what is told is that a machine fails its checks, and which.
  const topic = new Topic(`${name}-alarms`, { region, kmsMasterKeyId: "alias/aws/sns", tags }, opts);
  new TopicSubscription(`${name}-alarms`, { region, topic: topic.arn, protocol: "email", endpoint: to.email }, opts);
  return topic.arn;
}

/** What AWS sees of a machine from outside, and what becomes of it when that fails. */
const checks = [
  {
    part: "hardware",
    metricName: "StatusCheckFailed_System",
    alarmDescription: "AWS's own hardware fails below the machine: it is moved to other hardware, disks and all.",
    recovers: true,
  },
  {
    part: "system",
    metricName: "StatusCheckFailed_Instance",
    alarmDescription: "The machine's system does not answer. Next: reboot it (aws ec2 reboot-instances).",
    recovers: false,
  },
] as const;

/** Seconds that a check is looked at, and how often in a row it has to fail. */
const [periodSeconds, timesInARow] = [60, 3];

/**
 * Watches a machine from outside. One that is stopped gives no values, and raises nothing.
 *
 * **Cost**: USD 0.10 an alarm and month, two a machine.
 */
export function watchMachine(
  name: string,
  about: {
    readonly region: string;
    readonly instance: pulumi.Input<string>;
    /** AWS moves no spot machine by itself. */
    readonly spot: boolean;
    /** Who is told; `undefined`: nobody. */
    readonly topic: pulumi.Input<string> | undefined;
    readonly tags: Readonly<Record<string, string>>;
  },
  opts: pulumi.CustomResourceOptions,
): void {
  const { region, instance, spot, topic, tags } = about;
  const stack = tags["lightchain:stack"] ?? "";
  for (const { part, metricName, alarmDescription, recovers } of checks) {
    const actions = [
      ...(recovers && !spot ? [`arn:aws:automate:${region}:ec2:recover`] : []),
      ...(topic === undefined ? [] : [topic]),
    ];
    if (actions.length === 0) continue; // it would tell nobody, and do nothing
    new MetricAlarm(
      `${name}-${part}`,
      {
        // a name of its own: what a killed run made is written over, not doubled
        ...{
          name: `${stack} ${name}-${part}`,
          region,
          namespace: "AWS/EC2",
          metricName,
          alarmDescription,
          dimensions: { InstanceId: instance },
          tags,
        },
        ...{ statistic: "Maximum", comparisonOperator: "GreaterThanThreshold", threshold: 0 },
        ...{ period: periodSeconds, evaluationPeriods: timesInARow, treatMissingData: "missing" },
        alarmActions: actions,
      },
      opts,
    );
  }
}

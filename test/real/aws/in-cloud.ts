import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { RunInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import {
  CreateScheduleCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
} from "@aws-sdk/client-scheduler";
import { finderOf } from "../../../keystore/secret-scan.js";
import type { Leak } from "../../../scripts/rehearsal/scan.js";
import { systemClock } from "../../../system/clock.js";
import type { Searched } from "../hosts/searched.js";
import { clientsOf, textsOf, type Clients } from "./clients.js";
import type { EmulatedCloud } from "./cloud.js";
import { images } from "./images.js";
import { unpacked } from "./opened.js";
import { linesIn } from "./told.js";

/* Everything in an AWS that is not meant for secrets, as a place in which keys are looked for, and put to see that they are found. */

/** Something that AWS tells. */
interface Told {
  readonly where: string;
  readonly content: string | Buffer;
}
/** What AWS tells of one kind of thing in a region. */
type Tell = (aws: Clients, region: string, cloud: EmulatedCloud) => Promise<readonly Told[]>;

const versions = { ec2: "2016-11-15", iam: "2010-05-08", monitoring: "2010-08-01", sns: "2010-03-31" } as const;
const ask = (
  aws: Clients,
  region: string,
  service: keyof typeof versions,
  Action: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> => aws.form(service, region, versions[service], { Action, ...more });

/** By regions. */
const regional: readonly Tell[] = [
  async (aws, region, cloud) => {
    const there = cloud.instances().filter((one) => one.region === region && one.state !== "terminated");
    const asked = there.map(async ({ id }) => ({
      where: `user data of ${id}`,
      content: await ask(aws, region, "ec2", "DescribeInstanceAttribute", { InstanceId: id, Attribute: "userData" }),
    }));
    return Promise.all(asked);
  },
  async (aws, region) => [{ where: "tags in EC2", content: await ask(aws, region, "ec2", "DescribeTags") }],
  async (aws, region) => [{ where: "alarms", content: await ask(aws, region, "monitoring", "DescribeAlarms") }],
  async (aws, region) => {
    const arns = textsOf(await ask(aws, region, "sns", "ListTopics"), "TopicArn");
    const asked = arns.map(async (ResourceArn) => ({
      where: `tags of ${ResourceArn}`,
      content: await ask(aws, region, "sns", "ListTagsForResource", { ResourceArn }),
    }));
    return Promise.all(asked);
  },
  async (aws, region) =>
    Object.entries(await linesIn(region, aws)).map(([group, lines]) => ({
      where: `lines in ${group}`,
      content: lines.join("\n"),
    })),
  async (aws, region) => [{ where: "metrics", content: await ask(aws, region, "monitoring", "ListMetrics") }],
  async (aws, region) => {
    const ssm = (action: string, body: object): Promise<unknown> =>
      aws.json("ssm", region, `AmazonSSM.${action}`, body);
    const { Parameters } = (await ssm("DescribeParameters", {})) as { Parameters: { Name: string }[] };
    const asked = Parameters.map(async ({ Name }) => ({
      where: `parameter ${Name}`,
      content: JSON.stringify(await ssm("GetParameter", { Name, WithDecryption: true })),
    }));
    return Promise.all(asked);
  },
  async (aws, region) => {
    const sm = (action: string, body: object): Promise<unknown> =>
      aws.json("secretsmanager", region, `secretsmanager.${action}`, body);
    const { SecretList } = (await sm("ListSecrets", { IncludePlannedDeletion: true })) as {
      SecretList: { Name: string; DeletedDate?: number }[];
    };
    const asked = SecretList.flatMap(({ Name, DeletedDate }) => [
      (async () => ({
        where: `description of ${Name}`,
        content: JSON.stringify(await sm("DescribeSecret", { SecretId: Name })),
      }))(),
      ...(DeletedDate === undefined
        ? [
            (async () => ({
              where: `policy of ${Name}`,
              content: JSON.stringify(await sm("GetResourcePolicy", { SecretId: Name })),
            }))(),
          ]
        : []),
    ]);
    return Promise.all(asked);
  },
  async (aws, region) => {
    const scheduler = aws.scheduler(region);
    const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({}));
    const asked = Schedules.map(async ({ Name, GroupName }) => {
      const { Target, Description } = await scheduler.send(new GetScheduleCommand({ Name, GroupName }));
      return { where: `schedule ${Name}`, content: JSON.stringify([Target, Description]) };
    });
    return Promise.all(asked);
  },
];

/** What is of no region. */
async function tellOfRoles(aws: Clients): Promise<readonly Told[]> {
  const iam = (action: string, more = {}): Promise<string> => ask(aws, "us-east-1", "iam", action, more);
  const told: Told[] = [];
  for (const RoleName of textsOf(await iam("ListRoles"), "RoleName")) {
    told.push({ where: `tags of ${RoleName}`, content: await iam("ListRoleTags", { RoleName }) });
    for (const PolicyName of textsOf(await iam("ListRolePolicies", { RoleName }), "member"))
      told.push({
        where: `policy ${PolicyName} of ${RoleName}`,
        content: decodeURIComponent(await iam("GetRolePolicy", { RoleName, PolicyName })),
      });
  }
  for (const InstanceProfileName of textsOf(await iam("ListInstanceProfiles"), "InstanceProfileName"))
    told.push({
      where: `profile ${InstanceProfileName}`,
      content: await iam("GetInstanceProfile", { InstanceProfileName }),
    });
  return told;
}

const s3 = (aws: Clients, path: string, method = "GET", body?: string | Buffer): Promise<Response> =>
  fetch(`${aws.endpoint}/${path}`, {
    method,
    headers: {
      authorization: "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request",
      "content-type": "application/octet-stream",
    },
    ...(body === undefined ? {} : { body }),
  });

/** Buckets with what is in them, in each version. */
async function tellOfBuckets(aws: Clients): Promise<readonly Told[]> {
  const told: Told[] = [];
  for (const [, bucket = ""] of (await (await s3(aws, "")).text()).matchAll(/<Bucket>.*?<Name>(.*?)<\/Name>/gs)) {
    for (const part of ["tagging", "policy"])
      told.push({ where: `${part} of ${bucket}`, content: await (await s3(aws, `${bucket}?${part}`)).text() });
    const list = await (await s3(aws, `${bucket}?versions`)).text();
    for (const [, one = ""] of list.matchAll(/<Version>(.*?)<\/Version>/gs)) {
      const [[key = ""], [version = ""]] = [textsOf(one, "Key"), textsOf(one, "VersionId")];
      const query = version === "" || version === "null" ? "" : `?versionId=${version}`;
      const object = await s3(aws, `${bucket}/${key}${query}`);
      if (!object.ok) throw new Error(`${bucket}/${key} cannot be read: ${object.status}`);
      told.push({ where: `object ${bucket}/${key}`, content: Buffer.from(await object.arrayBuffer()) });
    }
  }
  return told;
}

/**
 * An emulated AWS: user data, commands and what they print, parameters, objects, log lines, and what is said of everything else in tags, descriptions and policies.
 * @param agent an instance that takes commands, for what is planted
 */
export const inCloud = (cloud: EmulatedCloud, agent?: { readonly region: string; readonly id: string }): Searched => ({
  search: async (needles) => {
    const find = finderOf(needles);
    const aws = clientsOf(cloud.endpoint);
    const leaks = new Map<string, Leak>();
    const look = ({ where, content }: Told): void => {
      for (const one of unpacked(Buffer.from(content)))
        for (const { name } of find(one)) leaks.set(`${where} ${name}`, { where, what: name });
    };
    try {
      for (const { what, text } of cloud.said) look({ where: `said: ${what}`, content: text });
      for (const region of cloud.bridge.regions())
        for (const tell of regional)
          for (const { where, content } of await tell(aws, region, cloud))
            look({ where: `${region} ${where}`, content });
      for (const one of [...(await tellOfRoles(aws)), ...(await tellOfBuckets(aws))]) look(one);
      return [...leaks.values()];
    } finally {
      aws.close();
    }
  },
  plant: async (text) => {
    if (agent === undefined) throw new Error("nothing is planted without an instance that takes commands");
    const { region, id } = agent;
    const aws = clientsOf(cloud.endpoint);
    const name = `planted-${randomBytes(3).toString("hex")}`;
    const sm = (action: string, body: object): Promise<unknown> =>
      aws.json("secretsmanager", region, `secretsmanager.${action}`, { SecretId: name, ...body });
    const ssm = (action: string, body: object): Promise<unknown> =>
      aws.json("ssm", region, `AmazonSSM.${action}`, body);
    const iam = (action: string, more = {}): Promise<string> =>
      ask(aws, "us-east-1", "iam", action, { RoleName: name, ...more });
    const policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Sid: text, Effect: "Deny", Action: "s3:PutBucketLogging", Resource: "*" }],
    });
    const must = async (path: string, method: string, body?: string | Buffer): Promise<void> => {
      const { ok, status } = await s3(aws, path, method, body);
      if (!ok) throw new Error(`${method} ${path}: ${status}`);
    };

    const userData = `#!/bin/sh\n: ${text}\n`;
    const machines = await Promise.all(
      [Buffer.from(userData), gzipSync(userData)].map(async (data) => {
        const { Instances = [] } = await aws.ec2(region).send(
          new RunInstancesCommand({
            ...{ ImageId: images.x86_64, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1 },
            UserData: data.toString("base64"),
          }),
        );
        return Instances[0]?.InstanceId ?? "";
      }),
    );
    await command(aws, agent, `: ${text}`);
    await command(aws, agent, `printf %s ${Buffer.from(text).reverse().toString()} | rev`);
    await ssm("PutParameter", { Name: `/${name}`, Type: "SecureString", Value: text });
    await ask(aws, region, "ec2", "CreateTags", { "ResourceId.1": id, "Tag.1.Key": name, "Tag.1.Value": text });
    const alarm = { AlarmName: name, AlarmDescription: text, MetricName: "a", Namespace: "a", Statistic: "Sum" };
    const watched = {
      ComparisonOperator: "GreaterThanThreshold",
      Threshold: "1",
      Period: "60",
      EvaluationPeriods: "1",
    };
    await ask(aws, region, "monitoring", "PutMetricAlarm", { ...alarm, ...watched });
    const logs = (action: string, body: object): Promise<unknown> =>
      aws.json("logs", region, `Logs_20140328.${action}`, { logGroupName: name, ...body });
    await logs("CreateLogGroup", {});
    await logs("CreateLogStream", { logStreamName: name });
    await logs("PutLogEvents", { logStreamName: name, logEvents: [{ timestamp: Date.now(), message: text }] });
    const tag = { "Tags.member.1.Key": "planted", "Tags.member.1.Value": text };
    const topic = textsOf(await ask(aws, region, "sns", "CreateTopic", { Name: name, ...tag }), "TopicArn")[0] ?? "";
    await aws.scheduler(region).send(
      new CreateScheduleCommand({
        ...{ Name: name, ScheduleExpression: "rate(1 day)", FlexibleTimeWindow: { Mode: "OFF" }, State: "DISABLED" },
        Target: {
          Arn: "arn:aws:lambda:a",
          RoleArn: "arn:aws:iam::123456789012:role/a",
          Input: JSON.stringify({ text }),
        },
      }),
    );
    await sm("CreateSecret", { Name: name, Description: text, SecretString: "nothing" });
    await sm("PutResourcePolicy", { ResourcePolicy: policy });
    await iam("CreateRole", { AssumeRolePolicyDocument: policy.replace(text, "a"), ...tag });
    await iam("PutRolePolicy", { PolicyName: name, PolicyDocument: policy });
    await must(name, "PUT");
    await must(`${name}/plain`, "PUT", text);
    await must(`${name}/packed`, "PUT", gzipSync(text));
    await must(`${name}?policy`, "PUT", policy);
    await must(
      `${name}?tagging`,
      "PUT",
      `<Tagging><TagSet><Tag><Key>a</Key><Value>${text}</Value></Tag></TagSet></Tagging>`,
    );
    return {
      in: [
        ...["said: user data", "said: command", "said: output", ...machines.map((one) => `user data of ${one}`)],
        ...[
          `parameter /${name}`,
          "tags in EC2",
          "alarms",
          `:${name}`,
          `schedule ${name}`,
          `description of ${name}`,
          `lines in ${name}`,
        ],
        ...[`policy of ${name}`, `tags of ${name}`, `policy ${name} of ${name}`, `tagging of ${name}`],
        ...[`object ${name}/plain`, `object ${name}/packed`],
      ],
      remove: async () => {
        await aws.ec2(region).send(new TerminateInstancesCommand({ InstanceIds: machines }));
        await ssm("DeleteParameter", { Name: `/${name}` });
        await ask(aws, region, "ec2", "DeleteTags", { "ResourceId.1": id, "Tag.1.Key": name });
        await ask(aws, region, "monitoring", "DeleteAlarms", { "AlarmNames.member.1": name });
        await logs("DeleteLogGroup", {});
        await ask(aws, region, "sns", "DeleteTopic", { TopicArn: topic });
        await aws.scheduler(region).send(new DeleteScheduleCommand({ Name: name }));
        await sm("DeleteSecret", { ForceDeleteWithoutRecovery: true });
        await iam("DeleteRolePolicy", { PolicyName: name });
        await iam("DeleteRole");
        for (const path of [`${name}/plain`, `${name}/packed`, name]) await must(path, "DELETE");
        for (const one of machines) await cloud.becomes(one, "terminated");
        aws.close();
      },
    };
  },
});

/** Runs a command on an instance to its end. */
async function command(aws: Clients, { region, id }: { region: string; id: string }, script: string): Promise<void> {
  const ssm = (action: string, body: object): Promise<unknown> => aws.json("ssm", region, `AmazonSSM.${action}`, body);
  const { Command } = (await ssm("SendCommand", {
    ...{ InstanceIds: [id], DocumentName: "AWS-RunShellScript", TimeoutSeconds: 60 },
    Parameters: { commands: [script], executionTimeout: ["60"] },
  })) as { Command: { CommandId: string } };
  for (;;) {
    const asked = { CommandId: Command.CommandId, InstanceId: id };
    const { Status } = (await ssm("GetCommandInvocation", asked)) as { Status: string };
    if (Status === "Success") return;
    if (Status !== "Pending" && Status !== "InProgress") throw new Error(`a command ended with ${Status}`);
    await systemClock.sleep(100);
  }
}

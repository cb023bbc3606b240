import {
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  DescribeInternetGatewaysCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
} from "@aws-sdk/client-ec2";
import { ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { textsOf, type Clients } from "./clients.js";

/** What programs made in a region and is still there, a line each: nothing that is there by itself. */
export async function leftIn(region: string, aws: Clients): Promise<string[]> {
  const ec2 = aws.ec2(region);
  const [{ Reservations = [] }, { Volumes = [] }, { Vpcs = [] }] = await Promise.all([
    ec2.send(new DescribeInstancesCommand({})),
    ec2.send(new DescribeVolumesCommand({})),
    ec2.send(new DescribeVpcsCommand({})),
  ]);
  const [{ SecurityGroups = [] }, { InternetGateways = [] }, { Addresses = [] }] = await Promise.all([
    ec2.send(new DescribeSecurityGroupsCommand({})),
    ec2.send(new DescribeInternetGatewaysCommand({})),
    ec2.send(new DescribeAddressesCommand({})),
  ]);
  const { Schedules = [] } = await aws.scheduler(region).send(new ListSchedulesCommand({}));
  const vpcs = Vpcs.filter(({ IsDefault }) => IsDefault !== true).map(({ VpcId }) => VpcId);
  const found = {
    instance: Reservations.flatMap(({ Instances = [] }) =>
      Instances.filter(({ State }) => State?.Name !== "terminated").map(
        ({ InstanceId, State }) => `${InstanceId} ${State?.Name}`,
      ),
    ),
    volume: Volumes.map(({ VolumeId, State }) => `${VolumeId} ${State}`),
    vpc: vpcs,
    "security group": SecurityGroups.filter(({ GroupName }) => GroupName !== "default").map(({ GroupId }) => GroupId),
    "internet gateway": InternetGateways.filter(
      ({ Attachments = [] }) => Attachments.length === 0 || Attachments.some(({ VpcId }) => vpcs.includes(VpcId)),
    ).map(({ InternetGatewayId }) => InternetGatewayId),
    address: Addresses.map(({ PublicIp }) => PublicIp),
    schedule: Schedules.map(({ GroupName, Name }) => `${GroupName}/${Name}`),
    ...(await keysIn(region, aws)),
    ...(await watchedIn(region, aws)),
  };
  return linesOf(region, found);
}

/** What programs made that is of no region, or whose region is not told. */
export async function leftAnywhere(aws: Clients): Promise<string[]> {
  const iam = (Action: string): Promise<string> => aws.form("iam", "us-east-1", "2010-05-08", { Action });
  const buckets = await fetch(aws.endpoint, {
    headers: { authorization: "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/s3/aws4_request" },
  });
  const AccountId = "123456789012"; // moto's
  const budgets = await aws.json("budgets", "us-east-1", "AWSBudgetServiceGateway.DescribeBudgets", { AccountId });
  return linesOf("global", {
    budget: (budgets as { Budgets: { BudgetName: string }[] }).Budgets.map((one) => one.BudgetName),
    role: textsOf(await iam("ListRoles"), "RoleName"),
    "instance profile": textsOf(await iam("ListInstanceProfiles"), "InstanceProfileName"),
    bucket: [...(await buckets.text()).matchAll(/<Bucket>.*?<Name>(.*?)<\/Name>/gs)].map(([, name]) => name),
  });
}

async function keysIn(region: string, aws: Clients): Promise<Record<string, string[]>> {
  interface Listed {
    readonly Keys: { readonly KeyId: string }[];
    readonly Aliases: { readonly AliasName: string; readonly TargetKeyId?: string }[];
    readonly SecretList: { readonly Name: string; readonly DeletedDate?: number | null }[];
  }
  const kms = (action: string, body = {}) => aws.json("kms", region, `TrentService.${action}`, body);
  const { Aliases } = (await kms("ListAliases")) as Listed;
  const own = Aliases.filter(({ AliasName }) => !AliasName.startsWith("alias/aws/"));
  const keys: string[] = [];
  for (const { KeyId } of ((await kms("ListKeys")) as Listed).Keys) {
    const { KeyMetadata: key } = (await kms("DescribeKey", { KeyId })) as {
      KeyMetadata: { KeyState: string; KeyManager: string; Description: string };
    };
    // The one for disks that name no key of their own is AWS's, which moto does not say.
    const isDefault = key.Description.startsWith("Default master key ");
    if (key.KeyManager === "CUSTOMER" && !isDefault) keys.push(`${KeyId} ${key.KeyState}`);
  }
  const secrets = await aws.json("secretsmanager", region, "secretsmanager.ListSecrets", {
    IncludePlannedDeletion: true,
  });
  return {
    "KMS key": keys,
    alias: own.map(({ AliasName }) => AliasName),
    secret: (secrets as Listed).SecretList.map(
      ({ Name, DeletedDate }) => `${Name}${(DeletedDate ?? null) === null ? "" : " scheduled for deletion"}`,
    ),
  };
}

async function watchedIn(region: string, aws: Clients): Promise<Record<string, string[]>> {
  const alarms = await aws.form("monitoring", region, "2010-08-01", { Action: "DescribeAlarms" });
  const topics = await aws.form("sns", region, "2010-03-31", { Action: "ListTopics" });
  const groups = await aws.json("logs", region, "Logs_20140328.DescribeLogGroups", {});
  return {
    alarm: textsOf(alarms, "AlarmName"),
    topic: textsOf(topics, "TopicArn"),
    "log group": (groups as { logGroups: { logGroupName: string }[] }).logGroups.map((one) => one.logGroupName),
  };
}

const linesOf = (where: string, found: Readonly<Record<string, readonly (string | undefined)[]>>): string[] =>
  Object.entries(found).flatMap(([kind, names]) => names.map((name) => `${where} ${kind} ${name ?? ""}`));

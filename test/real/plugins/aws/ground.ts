import { readdirSync, readFileSync } from "node:fs";
import { Budgets } from "@aws-sdk/client-budgets";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { EC2 } from "@aws-sdk/client-ec2";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { S3 } from "@aws-sdk/client-s3";
import { SNS } from "@aws-sdk/client-sns";
import { installAwsPlugin } from "../../../plugins/install.js";
import { environmentFor, startMoto } from "../../aws/moto.js";
import { openStack, type Stack } from "../stack.js";
import { places } from "./program.js";
import { startRecorder, type Recorder } from "./recorder.js";

/** An emulated AWS of a test's own, who listens at its door, and a stack that is made in it. */
export interface Ground {
  readonly recorder: Recorder;
  readonly stack: Stack;
  /** An image that every region has. */
  readonly image: string;
  /** EC2 past the recorder, as somebody else sees it. */
  ec2(region?: string): EC2;
  logs(): CloudWatchLogs;
  s3(): S3;
  /** All that somebody made, in every region of {@link places}. */
  everything(): Promise<string[]>;
  end(): Promise<void>;
}

/** Starts it. */
export async function openGround(): Promise<Ground> {
  const aws = await startMoto();
  const recorder = await startRecorder(aws.endpoint);
  const kit = { install: installAwsPlugin, prelude: `const aws = require("@pulumi/aws");`, types: "aws:" };
  const stack = await openStack(environmentFor(recorder.endpoint), kit);
  const at = (region: string) => ({
    ...{ region, endpoint: aws.endpoint, forcePathStyle: true },
    credentials: { accessKeyId: "somebody", secretAccessKey: "else" },
  });
  const ec2 = (region = "us-east-1"): EC2 => new EC2(at(region));
  const { Images = [] } = await ec2().describeImages({});
  const image = Images.find((one) => one.RootDeviceName !== undefined && one.Architecture === "x86_64")?.ImageId;
  if (image === undefined) throw new Error("the emulated AWS has no image");
  return {
    ...{ recorder, stack, image, ec2 },
    logs: () => new CloudWatchLogs(at("us-east-1")),
    s3: () => new S3(at("us-east-1")),
    everything: async () => {
      const regional = await Promise.all(Object.keys(places).map((region) => inRegion(at(region))));
      const AccountId = "123456789012"; // moto's
      const { Budgets: made = [] } = await new Budgets(at("us-east-1")).describeBudgets({ AccountId });
      const [buckets, roles, profiles] = await Promise.all([
        new S3(at("us-east-1")).listBuckets({}),
        new IAM(at("us-east-1")).listRoles({}),
        new IAM(at("us-east-1")).listInstanceProfiles({}),
      ]);
      return [
        ...regional.flat(),
        ...made.map(({ BudgetName }) => `budget ${BudgetName ?? ""}`),
        ...(buckets.Buckets ?? []).map(({ Name }) => `bucket ${Name ?? ""}`),
        ...(roles.Roles ?? []).map(({ RoleName }) => `role ${RoleName ?? ""}`),
        ...(profiles.InstanceProfiles ?? []).map(({ InstanceProfileName }) => `profile ${InstanceProfileName ?? ""}`),
      ];
    },
    end: async () => {
      // an engine that still writes must not keep the others alive
      await stack.end().catch(() => undefined);
      await recorder.stop();
      await aws.stop();
    },
  };
}

type Place = ConstructorParameters<typeof EC2>[0] & { region: string };

/** What there is in a region, without what each account has from the beginning. */
async function inRegion(at: Place): Promise<string[]> {
  const [ec2, kms] = [new EC2(at), new KMS(at)];
  const vpcs = (await ec2.describeVpcs({})).Vpcs ?? [];
  const ours = vpcs.filter(({ IsDefault }) => IsDefault !== true).map(({ VpcId = "" }) => VpcId);
  const inOurs = { Filters: [{ Name: "vpc-id", Values: ours.length === 0 ? ["none"] : ours }] };
  const instances = ((await ec2.describeInstances({})).Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
  const { Keys = [] } = await kms.listKeys({});
  const keys = await Promise.all(Keys.map(({ KeyId }) => kms.describeKey({ KeyId })));
  const list = (what: string, names: (string | undefined)[]): string[] => names.map((name) => `${what} ${name ?? ""}`);
  return [
    ...list("vpc", ours),
    ...list(
      "subnet",
      ((await ec2.describeSubnets(inOurs)).Subnets ?? []).map(({ SubnetId }) => SubnetId),
    ),
    ...list(
      "group",
      ((await ec2.describeSecurityGroups(inOurs)).SecurityGroups ?? []).map(({ GroupId }) => GroupId),
    ),
    ...list(
      "gateway",
      ((await ec2.describeInternetGateways({})).InternetGateways ?? []).map((one) => one.InternetGatewayId),
    ),
    ...list(
      "volume",
      ((await ec2.describeVolumes({})).Volumes ?? []).map(({ VolumeId }) => VolumeId),
    ),
    ...list(
      "instance",
      instances.filter(({ State }) => State?.Name !== "terminated").map(({ InstanceId }) => InstanceId),
    ),
    ...list(
      "key",
      keys
        .map(({ KeyMetadata }) => KeyMetadata)
        .filter((key) => key?.KeyManager === "CUSTOMER" && key.KeyState !== "PendingDeletion")
        .map((key) => key?.KeyId),
    ),
    ...list(
      "alias",
      ((await kms.listAliases({})).Aliases ?? [])
        .map(({ AliasName }) => AliasName)
        .filter((name) => name?.startsWith("alias/aws/") !== true),
    ),
    ...list(
      "topic",
      ((await new SNS(at).listTopics({})).Topics ?? []).map(({ TopicArn }) => TopicArn),
    ),
    ...list(
      "subscription",
      ((await new SNS(at).listSubscriptions({})).Subscriptions ?? []).map(({ SubscriptionArn }) => SubscriptionArn),
    ),
    ...list(
      "log group",
      ((await new CloudWatchLogs(at).describeLogGroups({})).logGroups ?? []).map(({ logGroupName }) => logGroupName),
    ),
    ...list(
      "alarm",
      ((await new CloudWatch(at).describeAlarms({})).MetricAlarms ?? []).map(({ AlarmName }) => AlarmName),
    ),
  ];
}

/** Processes of this machine whose command line has these words in it. */
export function processesWith(words: string): number[] {
  const has = (id: string): boolean => {
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").includes(words);
    } catch {
      return false; // it has just ended
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && has(name))
    .map(Number);
}

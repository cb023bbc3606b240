import { Bucket } from "@pulumi/aws/s3/bucket";
import { BucketLifecycleConfiguration } from "@pulumi/aws/s3/bucketLifecycleConfiguration";
import { BucketPolicy } from "@pulumi/aws/s3/bucketPolicy";
import { BucketPublicAccessBlock } from "@pulumi/aws/s3/bucketPublicAccessBlock";
import { BucketServerSideEncryptionConfiguration } from "@pulumi/aws/s3/bucketServerSideEncryptionConfiguration";
import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup";
import { InstanceProfile } from "@pulumi/aws/iam/instanceProfile";
import { Role } from "@pulumi/aws/iam/role";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy";
import * as pulumi from "@pulumi/pulumi";
import type { CloudWatchSetting } from "../../service/service.js";
import type { HostResource } from "../host-resource.js";
import { dimensionsOf, topicOf, watchWorker, type AlarmsTo, type WatchedWorker } from "./alarms.js";
import { AwsHost, type AwsHostArgs } from "./host.js";
import { onlyByTls, rightsOfMachines, rightsOfSchedules, trustOfMachines, trustOfSchedules } from "./policies.js";
import { Remnants } from "./remnants.js";
import { budgetOf, checkTelling, logGroupOf, type Logs, type RegionBudget } from "./telling.js";
import { Vpc, type VpcArgs } from "./vpc.js";

/** A network of somebody's own. */
export interface GivenNetwork {
  readonly vpc: string;
  /** A subnet for each zone, which has a way out: `{ "eu-central-1a": "subnet-…" }`. */
  readonly subnets: Readonly<Record<string, string>>;
}

/** Arguments of {@link AwsRegion}. */
export interface AwsRegionArgs {
  /** For instance `eu-central-1`. */
  readonly region: string;
  /** The account that this must be. Default: whichever the credentials are of. */
  readonly account?: string;
  /** Where its machines are: in the account's default network, in one that is made for them, or in one of yours. Default `default`. */
  readonly network?: "default" | VpcArgs | GivenNetwork;
  /** TCP ports beside 443 that machines may call: those of a network's endpoints. Default: none. */
  readonly egressPorts?: readonly number[];
  /** Who is told when a machine fails AWS's checks, or something is wrong with its worker. Default: nobody, and CloudWatch gets no metrics. */
  readonly alarms?: AlarmsTo;
  /** Sidecars' log lines go to CloudWatch too, and how long they stay there. Default: they stay on the machine. */
  readonly logs?: Logs;
  /** Who is told of what the region costs. Default: nobody. */
  readonly budget?: RegionBudget;
  /** Tags on everything that is made. */
  readonly tags?: Readonly<Record<string, string>>;
  /** What has to be over before anything is made. Default: nothing. */
  readonly ready?: pulumi.Output<unknown>;
}

/**
 * What the machines of a region share: the bucket through which their bundles come, their role, their firewall, and their network. Nothing of it can be reached from outside.
 *
 * **Cost**: the bucket's few dozen megabytes, a cent a month. A network of its own costs nothing; each machine has a public address (USD 3.65 a month), which is its way out.
 *
 * @example
 * const frankfurt = new AwsRegion("frankfurt", { region: "eu-central-1" });
 * new LightchainWorker("anna", { host: { aws: { in: frankfurt, types: ["g6.xlarge", "g5.xlarge"] }, ollama, ollamaPort: 11500 }, … });
 */
export class AwsRegion extends pulumi.ComponentResource {
  /** For instance `eu-central-1`. */
  readonly region: string;
  readonly account: string | undefined;
  /** Zones that there are subnets for; `null`: whichever the account's default network has. */
  readonly zones: readonly string[] | null;
  /** Name of the bucket. */
  readonly bucket: pulumi.Output<string>;
  private readonly tags: Readonly<Record<string, string>>;
  private readonly profile: InstanceProfile;
  private readonly returns: pulumi.Output<string>;
  private readonly firewall: SecurityGroup;
  private readonly topic: pulumi.Input<string> | undefined;
  private readonly logGroup: pulumi.Output<string> | undefined;
  private readonly subnetOf: ((zone: pulumi.Output<string>) => pulumi.Output<string>) | undefined;

  constructor(name: string, args: AwsRegionArgs, opts?: pulumi.ComponentResourceOptions) {
    super("lightchain:fleet:AwsRegion", name, {}, opts);
    const { region } = args;
    checkTelling(name, { alarms: args.alarms, logs: args.logs, budget: args.budget });
    this.region = region;
    this.account = args.account;
    const stack = `${pulumi.getProject()}/${pulumi.getStack()}`;
    this.tags = { ...args.tags, "lightchain:stack": stack };
    const tags = (args.ready ?? pulumi.output(undefined)).apply(() => ({ ...this.tags }));

    const tells = { logs: args.logs !== undefined, budget: args.budget !== undefined };
    const remnants = new Remnants(`${name}-remnants`, { region, name, tags, tells }, { parent: this });
    const parent = { parent: this, dependsOn: [remnants] };
    const bucket = new Bucket(`${name}-bundles`, { region, forceDestroy: true, tags }, parent);
    const closed = new BucketPublicAccessBlock(
      `${name}-bundles`,
      {
        ...{ region, bucket: bucket.bucket },
        ...{ blockPublicAcls: true, blockPublicPolicy: true, ignorePublicAcls: true, restrictPublicBuckets: true },
      },
      parent,
    );
    const encrypted = new BucketServerSideEncryptionConfiguration(
      `${name}-bundles`,
      { region, bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      parent,
    );
    const policy = new BucketPolicy(
      `${name}-bundles`,
      { region, bucket: bucket.bucket, policy: bucket.arn.apply(onlyByTls) },
      { ...parent, dependsOn: [remnants, closed] }, // S3 takes one change of a bucket's rights at a time
    );
    const tidied = new BucketLifecycleConfiguration(
      `${name}-bundles`,
      // a bundle that is wanted again is brought again
      {
        region,
        bucket: bucket.bucket,
        rules: [{ id: "tidy", status: "Enabled", filter: {}, expiration: { days: 30 } }],
      },
      parent,
    );
    const ready = pulumi.all([closed.id, encrypted.id, policy.id, tidied.id]);
    this.bucket = pulumi.all([bucket.bucket, ready]).apply(([made]) => made);

    const whole = { region, stack, tags };
    const group = args.logs && logGroupOf(name, args.logs, whole, parent);
    this.logGroup = group?.name;
    if (args.budget !== undefined) budgetOf(name, args.budget, whole, parent);

    // A right that a killed run gave it and did not write down must not keep it from going.
    const bound = { forceDetachPolicies: true, tags };
    const role = new Role(`${name}-machine`, { assumeRolePolicy: trustOfMachines(), ...bound }, parent);
    // Their own names: what a killed run gave a role is written over, where a second one beside it would keep the role from ever going.
    const rights = new RolePolicy(
      `${name}-machine`,
      {
        ...{ name: `${name}-machine`, role: role.name },
        policy: pulumi
          .output(group?.arn)
          .apply((logGroup) => rightsOfMachines({ metrics: args.alarms !== undefined, logGroup })),
      },
      parent,
    );
    this.profile = new InstanceProfile(
      `${name}-machine`,
      { role: role.name, tags },
      { ...parent, dependsOn: [remnants, rights] },
    );

    const returning = new Role(`${name}-return`, { assumeRolePolicy: trustOfSchedules(), ...bound }, parent);
    const brings = new RolePolicy(
      `${name}-return`,
      { name: `${name}-return`, role: returning.name, policy: rightsOfSchedules(region, stack) },
      parent,
    );
    this.returns = pulumi.all([returning.arn, brings.id]).apply(([arn]) => arn);

    const { network = "default" } = args;
    const own =
      network !== "default" && !("vpc" in network) ? new Vpc(name, { ...network, region, tags }, parent) : undefined;
    const given = network !== "default" && "vpc" in network ? network : undefined;
    const subnets = own?.subnets ?? given?.subnets;
    this.zones = subnets === undefined ? null : Object.keys(subnets);
    this.subnetOf =
      subnets === undefined
        ? undefined
        : (zone) => pulumi.all([zone, subnets]).apply(([chosen, all]) => all[chosen] ?? "");
    const vpcId = own?.id ?? given?.vpc;
    this.firewall = new SecurityGroup(
      `${name}-machine`,
      {
        region,
        description: "Lightchain workers: no way in",
        ...(vpcId === undefined ? {} : { vpcId }),
        ingress: [],
        egress: [...new Set([443, ...(args.egressPorts ?? [])])]
          .sort((one, other) => one - other)
          .map((port) => ({
            ...{ protocol: "tcp", fromPort: port, toPort: port, cidrBlocks: ["0.0.0.0/0"] },
            description: "the network's endpoints, models, AWS",
          })),
        tags,
      },
      parent,
    );
    this.topic = args.alarms && topicOf(name, args.alarms, { region, tags }, parent);
    this.registerOutputs({ bucket: this.bucket });
  }

  /** What a worker's sidecar tells CloudWatch; `null`: nothing. */
  told({ worker, gpu }: { readonly worker: string; readonly gpu: boolean }): CloudWatchSetting | null {
    if (this.topic === undefined && this.logGroup === undefined) return null;
    const dimensions = this.topic === undefined ? null : dimensionsOf(this.tags["lightchain:stack"] ?? "", worker);
    return { region: this.region, dimensions, gpu, logGroup: this.logGroup ?? null };
  }

  /** Watches a worker that has a machine here, where somebody is to be told. @param opts.dependsOn what takes it on to the network, and off it */
  watch(about: WatchedWorker, host: HostResource, opts: pulumi.CustomResourceOptions): void {
    const { region, topic, tags } = this;
    if (topic === undefined) return;
    const instance = host.reference.apply((way) =>
      way.kind === "ssm" && typeof way.instance === "string" ? way.instance : "",
    );
    watchWorker({ ...about, region, instance, topic, tags }, opts);
  }

  /** Makes a machine here, for a worker. */
  machine(name: string, args: Omit<AwsHostArgs, "region">, opts?: pulumi.ComponentResourceOptions): HostResource {
    const { region, bucket, profile, returns, firewall, subnetOf, zones, tags, topic } = this;
    const shared = {
      topic,
      region,
      bucket,
      profile: profile.name,
      returns,
      firewall: firewall.id,
      subnetOf,
      zones,
      tags,
    };
    return new AwsHost(name, { ...args, region: shared }, opts);
  }
}

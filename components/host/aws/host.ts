import { Instance } from "@pulumi/aws/ec2/instance";
import { VolumeAttachment } from "@pulumi/aws/ec2/volumeAttachment";
import { Volume } from "@pulumi/aws/ebs/volume";
import * as pulumi from "@pulumi/pulumi";
import { compiled } from "../../../system/package-root.js";
import { needsOf } from "../../models/needs.js";
import type { HostReference } from "../../worker-reference.js";
import { bundlePlatform } from "../bundle.js";
import type { HostResource } from "../host-resource.js";
import type { MachineArgs } from "../runtime-args.js";
import { SsmHost } from "../ssm/host.js";
import type { StatedSsmWay } from "../ssm/reference.js";
import type { ResolvedAwsMachine } from "./args.js";
import { watchMachine } from "./alarms.js";
import { placementTag } from "./ec2.js";
import { BundleForOthers } from "./errors.js";
import { gpuInstanceTypes } from "./instance-types.js";
import { JournalDisk } from "./journal-disk.js";
import { rootGibOf } from "./preflight/cost.js";
import { Placement } from "./placement.js";
import { userData } from "./user-data.js";

/** What a machine shares with the others of its region. */
export interface SharedInRegion {
  readonly region: string;
  readonly bucket: pulumi.Output<string>;
  /** Name of the machines' instance profile. */
  readonly profile: pulumi.Output<string>;
  /** ARN of the role by which schedules start and stop them. */
  readonly returns: pulumi.Output<string>;
  /** Id of their security group. */
  readonly firewall: pulumi.Output<string>;
  /** The subnet of a zone. `undefined`: the account's default network is meant. */
  readonly subnetOf: ((zone: pulumi.Output<string>) => pulumi.Output<string>) | undefined;
  /** Who is told of its alarms (ARN). */
  readonly topic: pulumi.Input<string> | undefined;
  /** Zones that there are subnets for; `null`: all. */
  readonly zones: readonly string[] | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** Arguments of {@link AwsHost}. */
export interface AwsHostArgs extends Omit<MachineArgs, "root"> {
  readonly region: SharedInRegion;
  readonly machine: ResolvedAwsMachine;
  /** The worker that it is for. */
  readonly worker: string;
  /** Absolute path of the folder that will hold everything of ours on it. */
  readonly root: string;
  /** How long its first boot is waited for (ms). */
  readonly bootMs: number;
  /** What has to be over before anything is made. */
  readonly ready: pulumi.Output<unknown>;
}

/**
 * An EC2 instance that is made for a worker, as its host: no port is open on it, and no SSH key exists. Type, zone and image are chosen once; another one is a move. The journals are on a
 * disk of their own, which outlives it.
 *
 * **Cost**: the machine by the hour, its disks also while it is stopped: `pulumi preview` states both.
 */
export class AwsHost extends pulumi.ComponentResource implements HostResource {
  /** How other resources reach it. */
  readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the machine itself. */
  readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: AwsHostArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("lightchain:fleet:AwsHost", name, {}, opts);
    const { region: shared, root, worker, ready, bootMs, ...runtime } = args;
    const { region } = shared;
    const host = args.host ?? name;
    const machine = thatRuns(args.bundle ?? compiled("bundle"), args.machine, host);
    const parent = { parent: this, ...(opts.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) };
    const told = { ...shared.tags, "lightchain:worker": worker, "lightchain:host": host, Name: `lightchain ${host}` };
    const ours = { "lightchain:host": host, "lightchain:stack": shared.tags["lightchain:stack"] ?? "" };

    const placement = new Placement(
      `${name}-placement`,
      {
        ...{ region, worker, host: ready.apply(() => host), models: args.models ?? [] },
        contextTokens: typeof args.contextLength === "number" ? args.contextLength : 0,
        machine: { ...machine, ...(shared.zones === null || machine.zones ? {} : { zones: [...shared.zones] }) },
        tags: ours,
      },
      parent,
    );
    const own = placement.token.apply((token) => ({ [placementTag]: token }));
    const tags = own.apply((mark) => ({ ...told, ...mark }));
    const journals = new Volume(
      `${name}-journals`,
      { region, availabilityZone: placement.zone, type: "gp3", size: machine.journalGiB, encrypted: true, tags },
      parent,
    );
    const instance = new Instance(
      name,
      {
        ...{ region, ami: placement.ami, instanceType: placement.type },
        ...(shared.subnetOf === undefined
          ? { availabilityZone: placement.zone }
          : { subnetId: shared.subnetOf(placement.zone) }),
        ...{ vpcSecurityGroupIds: [shared.firewall], iamInstanceProfile: shared.profile },
        ...{ userData, userDataReplaceOnChange: false, instanceInitiatedShutdownBehavior: "stop" },
        metadataOptions: {
          ...{ httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
          instanceMetadataTags: "disabled",
        },
        rootBlockDevice: {
          ...{ volumeType: "gp3", volumeSize: rootGibOf({ machine, models: (args.models ?? []).map(needsOf) }) },
          ...{ encrypted: true, deleteOnTermination: true, tags },
        },
        ...(machine.spot ? { instanceMarketOptions: spotThatComesBack } : {}),
        maintenanceOptions: { autoRecovery: "default" },
        tags,
      },
      // A text of ours that changed is for machines that are made from then on; two machines never have one worker's disk.
      { ...parent, ignoreChanges: ["userData"], deleteBeforeReplace: true },
    );
    const goesWithIt = { parent: this, deletedWith: instance };
    watchMachine(name, { region, instance: instance.id, spot: machine.spot, topic: shared.topic, tags: told }, parent);
    const attached = new VolumeAttachment(
      `${name}-journals`,
      { region, deviceName: "/dev/sdj", instanceId: instance.id, volumeId: journals.id },
      { ...goesWithIt, deleteBeforeReplace: true },
    );
    const ssm: pulumi.Output<StatedSsmWay> = pulumi
      .all([instance.id, shared.bucket, shared.returns])
      .apply(([id, bucket, returns]) => ({ region, instance: id, bucket, returns, bootMs }));
    const disk = new JournalDisk(
      `${name}-journals`,
      { ssm, volume: attached.volumeId, at: `${root}/workers`, tags: own },
      goesWithIt,
    );
    const made = new SsmHost(`${name}-machine`, { ...runtime, host, root, ssm }, { ...goesWithIt, dependsOn: [disk] });
    this.reference = made.reference;
    this.bundleHash = made.bundleHash;
    this.ollamaUrl = made.ollamaUrl;
    this.registerOutputs({ ollamaUrl: this.ollamaUrl });
  }
}

/** The types that a bundle runs on. Reads its manifest. @throws BundleForOthers LF1804 */
export function thatRuns(bundle: string, machine: ResolvedAwsMachine, host: string): ResolvedAwsMachine {
  const platform = bundlePlatform(bundle);
  const types = machine.types.filter((name) => {
    const architecture = gpuInstanceTypes.find((type) => type.name === name)?.architecture;
    return platform === null || platform === `linux-${architecture}`;
  });
  if (types.length === 0) throw new BundleForOthers(host, machine.types, platform ?? "another system");
  return { ...machine, types };
}

/** A spot machine that AWS takes back is stopped, and started again when there is room: same disks, same worker, no transaction. */
const spotThatComesBack = {
  marketType: "spot",
  spotOptions: { spotInstanceType: "persistent", instanceInterruptionBehavior: "stop" },
};

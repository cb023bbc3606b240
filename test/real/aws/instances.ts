import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  type Instance as Ec2Instance,
} from "@aws-sdk/client-ec2";
import type { Capacity, Wanted } from "./capacity.js";
import { textsOf, type Clients } from "./clients.js";
import { makeComputer, type Computer } from "./computer.js";
import { serveMetadata, type Metadata } from "./metadata.js";
import type { SystemsManager } from "./systems-manager.js";

/** How an instance is, in EC2's words. */
export type State = "pending" | "running" | "stopping" | "stopped" | "shutting-down" | "terminated";

/** How a spot instance ends when AWS wants it back. */
export interface Spot {
  readonly behaviour: "stop" | "terminate";
}

/** An instance whose machine is real. */
export interface Instance {
  readonly id: string;
  readonly wanted: Wanted & { readonly zone: string };
  readonly spot: Spot | undefined;
  state: State;
  /** AWS took it back, and alone can start it again. */
  isInterrupted: boolean;
  /** What its metadata says is coming, as JSON. */
  notice: string | undefined;
  rebalance: string | undefined;
  /** The machine, once it has been made. */
  computer: Promise<Computer>;
  /** Ends with the last thing that was begun with it. */
  settled: Promise<void>;
  metadata: Metadata | undefined;
  /** What went wrong with its machine. */
  trouble: Error | undefined;
}

/** What happens to instances, apart from how it is asked for. */
export interface Instances {
  get(id: string): Instance | undefined;
  all(): readonly Instance[];
  /** Makes the machines of instances that the emulated AWS has just made, and boots them. */
  born(region: string, ids: readonly string[], spot: Spot | undefined, reservation?: string): Promise<void>;
  start(instance: Instance): Promise<void>;
  /** Begins to shut it down; it is `stopping` until it is down. @param by AWS itself: it is an interruption */
  stop(instance: Instance, by?: "its owner" | "AWS"): void;
  terminate(instance: Instance): void;
  reboot(instance: Instance): void;
  /** Ends all machines. @throws what went wrong with them unseen */
  close(): Promise<void>;
}

/** What instances live on. */
export interface Surroundings {
  /** Of the emulated AWS itself. */
  readonly aws: Clients;
  readonly capacity: Capacity;
  readonly systemsManager: () => SystemsManager;
  /** Where machines and programs find AWS. */
  readonly endpoint: () => string;
  /** Called with each user data, in base64 as AWS keeps it: it may be compressed. */
  readonly said: (text: string) => void;
}

/** None yet. */
export function makeInstances({ aws, capacity, systemsManager, endpoint, said }: Surroundings): Instances {
  const instances = new Map<string, Instance>();
  const failures: unknown[] = [];
  let isClosing = false;

  const described = async ({ id, wanted }: Instance): Promise<Ec2Instance> => {
    const { Reservations } = await aws.ec2(wanted.region).send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    return Reservations?.[0]?.Instances?.[0] ?? {};
  };
  const attribute = async ({ id: InstanceId, wanted }: Instance, Attribute: "userData" | "shutdown") => {
    const name = Attribute === "shutdown" ? "instanceInitiatedShutdownBehavior" : Attribute;
    const answer = await aws
      .ec2(wanted.region)
      .send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: name }));
    return (Attribute === "shutdown" ? answer.InstanceInitiatedShutdownBehavior : answer.UserData)?.Value;
  };

  /** One after the other; what goes wrong is told at the end, since nobody waits for it. */
  const then = (instance: Instance, work: () => Promise<void>): void => {
    instance.settled = instance.settled.then(work).catch((error: unknown) => {
      instance.trouble ??= error instanceof Error ? error : new Error(String(error));
      if (!isClosing) failures.push(error);
    });
  };

  async function roleOf(instance: Instance): Promise<string | undefined> {
    const arn = (await described(instance)).IamInstanceProfile?.Arn;
    if (arn === undefined) return undefined;
    const InstanceProfileName = arn.slice(arn.lastIndexOf("/") + 1);
    const params = { Action: "GetInstanceProfile", InstanceProfileName };
    return textsOf(await aws.form("iam", "us-east-1", "2010-05-08", params), "RoleName")[0];
  }

  async function fact(instance: Instance, path: string): Promise<string | undefined> {
    const { region, type, zone } = instance.wanted;
    const role = (): Promise<string | undefined> => roleOf(instance);
    const known: Readonly<Record<string, () => string | undefined | Promise<string | undefined>>> = {
      "meta-data/instance-id": () => instance.id,
      "meta-data/instance-type": () => type,
      "meta-data/instance-life-cycle": () => (instance.spot ? "spot" : "on-demand"),
      "meta-data/local-ipv4": async () => (await described(instance)).PrivateIpAddress,
      "meta-data/placement/region": () => region,
      "meta-data/placement/availability-zone": () => zone,
      "meta-data/spot/instance-action": () => instance.notice,
      "meta-data/events/recommendations/rebalance": () => instance.rebalance,
      "meta-data/iam/security-credentials": role,
      "meta-data/services/endpoint": endpoint, // the tests' own: where AWS is
      "dynamic/instance-identity/document": () =>
        JSON.stringify({
          accountId: "123456789012",
          availabilityZone: zone,
          instanceId: instance.id,
          instanceType: type,
          region,
        }),
    };
    if (path in known) return known[path]?.();
    const [, asked] = /^meta-data\/iam\/security-credentials\/(.+)$/.exec(path) ?? [];
    if (asked === undefined || asked !== (await role())) return undefined;
    const [now, end] = [new Date(), new Date(Date.now() + 6 * 3_600_000)].map((at) => at.toISOString());
    const keys = { AccessKeyId: "ASIAOFTHETESTSALONE0", SecretAccessKey: "of-the-tests-alone", Token: "of-the-tests" };
    return JSON.stringify({ Code: "Success", LastUpdated: now, Type: "AWS-HMAC", ...keys, Expiration: end });
  }

  async function make(instance: Instance): Promise<Computer> {
    instance.metadata = await serveMetadata((path) => fact(instance, path));
    const userData = Buffer.from((await attribute(instance, "userData")) ?? "", "base64");
    if (userData.length > 0) said(userData.toString("base64"));
    systemsManager().add(instance.id, {
      region: instance.wanted.region,
      isRegistered: false,
      isRunning: () => instance.state === "running",
      tags: async () =>
        Object.fromEntries(((await described(instance)).Tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""])),
    });
    return makeComputer({
      instance: instance.id,
      userData,
      metadata: instance.metadata.endpoint,
      aws: endpoint(),
      onPowerOff: () => then(instance, () => wentOff(instance)),
    });
  }

  /** The machine switched itself off. */
  async function wentOff(instance: Instance): Promise<void> {
    if (instance.state !== "running" && instance.state !== "pending") return;
    if ((await attribute(instance, "shutdown")) === "terminate") return end(instance);
    await isStopped(instance);
  }
  async function isStopped(instance: Instance): Promise<void> {
    await aws.ec2(instance.wanted.region).send(new StopInstancesCommand({ InstanceIds: [instance.id] }));
    instance.state = "stopped";
    capacity.give(instance.id);
  }
  async function end(instance: Instance): Promise<void> {
    const { id, wanted } = instance;
    await (await instance.computer).remove();
    instance.metadata?.stop();
    systemsManager().remove(id);
    capacity.give(id);
    await aws.ec2(wanted.region).send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    instance.state = "terminated";
  }
  const boot = (instance: Instance): void =>
    then(instance, async () => {
      await (await instance.computer).start();
      if (instance.state === "pending") instance.state = "running";
    });

  return {
    get: (id) => instances.get(id),
    all: () => [...instances.values()],
    born: async (region, ids, spot, reservation) => {
      for (const id of ids.filter((one) => !instances.has(one))) {
        const { Reservations } = await aws.ec2(region).send(new DescribeInstancesCommand({ InstanceIds: [id] }));
        const { InstanceType: type = "", Placement } = Reservations?.[0]?.Instances?.[0] ?? {};
        const instance: Instance = {
          ...{ id, spot, state: "pending", isInterrupted: false, notice: undefined, rebalance: undefined },
          wanted: { region, type, zone: Placement?.AvailabilityZone ?? "", reservation },
          computer: Promise.reject(new Error(`${id} was not made`)),
          settled: Promise.resolve(),
          metadata: undefined,
          trouble: undefined,
        };
        instance.computer.catch(() => undefined);
        instances.set(id, instance);
        capacity.take(id, instance.wanted);
        instance.computer = make(instance);
        boot(instance);
      }
    },
    start: async (instance) => {
      await aws.ec2(instance.wanted.region).send(new StartInstancesCommand({ InstanceIds: [instance.id] }));
      Object.assign(instance, { state: "pending", isInterrupted: false, notice: undefined, rebalance: undefined });
      capacity.take(instance.id, instance.wanted);
      boot(instance);
    },
    stop: (instance, by = "its owner") => {
      then(instance, async () => {
        if (instance.state !== "stopping") return;
        await (await instance.computer).shutDown();
        await isStopped(instance);
        instance.isInterrupted = by === "AWS";
      });
      instance.state = "stopping";
    },
    terminate: (instance) => {
      then(instance, async () => {
        if (instance.state !== "shutting-down") return;
        await (await instance.computer).shutDown();
        await end(instance);
      });
      instance.state = "shutting-down";
    },
    reboot: (instance) =>
      then(instance, async () => {
        await (await instance.computer).run(["systemctl", "reboot"]);
      }),
    close: async () => {
      isClosing = true; // what is begun fails now
      for (const instance of instances.values()) {
        const computer = await instance.computer.catch(() => undefined);
        await computer?.remove();
        instance.metadata?.stop();
        await instance.settled;
      }
      if (failures.length > 0) throw new AggregateError(failures, `instances: ${failures.map(String).join("; ")}`);
    },
  };
}

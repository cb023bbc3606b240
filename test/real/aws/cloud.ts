import { systemClock } from "../../../system/clock.js";
import type { Container } from "../machines/container.js";
import { noImage } from "../machines/image.js";
import { noMachines } from "../machines/machine.js";
import { noDisks, openDisks } from "./block-device.js";
import { startBridge, type Bridge } from "./bridge.js";
import { makeCapacity, type Capacity } from "./capacity.js";
import { clientsOf } from "./clients.js";
import { answerInstances } from "./ec2.js";
import { answerImageParameters, imagesForMoto } from "./images.js";
import { answerInstanceProfiles } from "./instance-profiles.js";
import { makeInstances, type Instance, type Instances, type State } from "./instances.js";
import { leftAnywhere, leftIn } from "./left.js";
import { environmentFor, noMoto, startMoto } from "./moto.js";
import type { Said } from "./opened.js";
import { makeScheduler } from "./schedules.js";
import { answerVolumes } from "./volumes.js";

/** The machine of an instance. Nothing of it is reached by SSH. */
export interface InstanceMachine extends Container {
  /** Waits until it is on, and everything that starts with it has started: cloud-init too. */
  booted(): Promise<"running" | "degraded">;
  /** Where it learns of itself. */
  readonly metadata: string;
}

/** An AWS whose instances are machines: they boot, run what they are given, are stopped in order, and have disks. */
export interface EmulatedCloud extends Omit<Capacity, "answer" | "refusal" | "take" | "give" | "active"> {
  readonly endpoint: string;
  /** What makes an AWS SDK talk to it and to nothing else. */
  readonly env: Readonly<Record<string, string>>;
  readonly bridge: Bridge;
  /** Every user data, every script that was sent to be run, and all that came back. */
  readonly said: readonly Said[];
  instances(): readonly { readonly id: string; readonly region: string; readonly state: State }[];
  machineOf(id: string): Promise<InstanceMachine>;
  /** Waits until an instance is as it is asked for. */
  becomes(id: string, state: State): Promise<void>;
  /** Waits until the agent of an instance has come, which then takes commands. */
  agentOf(id: string): Promise<void>;
  /** Has a spot instance told that it will be taken back, or that this may well be. */
  spotNotice(id: string, what?: "interruption" | "rebalance"): void;
  /** Takes a spot instance back: it is stopped, or terminated, as was asked for when it was made. */
  interrupt(id: string): void;
  /** Starts a spot instance again that was taken back. */
  giveBack(id: string): Promise<void>;
  /** Turns the clock of EventBridge Scheduler. @returns a line for each schedule that was due, with what came of it */
  fireSchedules(now: Date): Promise<readonly string[]>;
  /** An agent that is off takes no command. */
  agentOff(id: string): void;
  agentOn(id: string): void;
  /** What programs made and is still there, a line each, sorted: of a region, or of all that were asked anything. */
  left(region?: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Why there is no such cloud here; `undefined` when there is one. */
export const noCloud = (): string | undefined => noMachines() ?? noImage("instance") ?? noMoto() ?? noDisks();

const longestWaitMs = 360_000;
/** How long before an interruption AWS says so. */
const noticeMs = 120_000;

/** Starts one, in which nothing is. */
export async function startCloud(): Promise<EmulatedCloud> {
  const disks = await openDisks();
  const aws = await startMoto(imagesForMoto()).catch(async (error: unknown) => {
    await disks.stop();
    throw error;
  });
  const direct = clientsOf(aws.endpoint);
  const capacity = makeCapacity();
  const said: Said[] = [];
  const instances: Instances = makeInstances({
    ...{ aws: direct, capacity, said: (text) => void said.push({ what: "user data", text }) },
    systemsManager: () => bridge.systemsManager,
    endpoint: () => bridge.endpoint,
  });
  const handlers = [
    ...[capacity.answer, answerInstances(instances, capacity, direct)],
    ...[answerVolumes(instances, disks, direct), answerImageParameters, answerInstanceProfiles],
  ];
  const bridge = await startBridge(aws.endpoint, handlers, said);
  const through = clientsOf(bridge.endpoint);
  const fire = makeScheduler(through);

  const known = (id: string): Instance => {
    const found = instances.get(id);
    if (found === undefined) throw new Error(`${id} is not an instance`);
    return found;
  };
  const spotOf = (id: string) => {
    const instance = known(id);
    if (instance.spot === undefined) throw new Error(`${id} is not a spot instance`);
    return { instance, behaviour: instance.spot.behaviour };
  };
  const until = async (id: string, what: string, isSo: (instance: Instance) => boolean): Promise<void> => {
    const instance = known(id);
    for (const end = systemClock.now() + longestWaitMs; !isSo(instance); await systemClock.sleep(50)) {
      if (instance.trouble !== undefined) throw instance.trouble;
      if (systemClock.now() > end) throw new Error(`${id}: not ${what} within six minutes`);
    }
  };
  return {
    ...capacity,
    endpoint: bridge.endpoint,
    env: environmentFor(bridge.endpoint),
    bridge,
    said,
    instances: () => instances.all().map(({ id, state, wanted }) => ({ id, state, region: wanted.region })),
    machineOf: async (id) => {
      const instance = known(id);
      const computer = await instance.computer;
      const booted = async (): Promise<"running" | "degraded"> => {
        await instance.settled;
        return computer.settled();
      };
      return { ...computer, booted, metadata: instance.metadata?.endpoint ?? "" };
    },
    becomes: (id, state) => until(id, state, (instance) => instance.state === state),
    agentOf: (id) => until(id, "taking commands", () => bridge.systemsManager.hasCome(id)),
    spotNotice: (id, what = "interruption") => {
      const { instance, behaviour } = spotOf(id);
      const time = (ms: number): string => new Date(Date.now() + ms).toISOString().replace(/\.\d+/, "");
      instance.rebalance ??= JSON.stringify({ noticeTime: time(0) });
      if (what === "interruption") instance.notice = JSON.stringify({ action: behaviour, time: time(noticeMs) });
    },
    interrupt: (id) => {
      const { instance, behaviour } = spotOf(id);
      if (instance.state !== "running") throw new Error(`${id} is ${instance.state}: nobody takes it back`);
      if (behaviour === "stop") instances.stop(instance, "AWS");
      else instances.terminate(instance);
    },
    giveBack: async (id) => {
      const { instance } = spotOf(id);
      if (!instance.isInterrupted) throw new Error(`${id} was not taken back`);
      await instances.start(instance);
    },
    fireSchedules: async (now) => {
      const lines: string[] = [];
      for (const region of bridge.regions()) lines.push(...(await fire(region, now)));
      return lines;
    },
    agentOff: (id) => bridge.systemsManager.setAgent(id, "off"),
    agentOn: (id) => bridge.systemsManager.setAgent(id, "on"),
    left: async (region) => {
      const regions = region === undefined ? bridge.regions() : [region];
      const lines = region === undefined ? await leftAnywhere(direct) : [];
      for (const one of regions) {
        lines.push(...(await leftIn(one, direct)));
        lines.push(...capacity.active(one).map((id) => `${one} capacity reservation ${id}`));
      }
      return lines.sort();
    },
    stop: async () => {
      try {
        await instances.close();
      } finally {
        direct.close();
        through.close();
        await bridge.stop();
        await aws.stop();
        await disks.stop();
      }
    },
  };
}

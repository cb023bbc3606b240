import type { ContainerCreateOptions, MountType } from "dockerode";
import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { docker, ifThere, labelsOf } from "./api.js";
import { done } from "../engine/done.js";

/** Arguments of a container as far as this stand-in does them. */
interface Given {
  readonly name: string;
  readonly image: string;
  readonly hostname?: string;
  readonly user?: string;
  readonly command?: string[];
  readonly entrypoints?: string[];
  readonly envs?: string[];
  readonly init?: boolean;
  readonly readOnly?: boolean;
  readonly tmpfs?: Record<string, string>;
  readonly capabilities?: { adds?: string[]; drops?: string[] };
  readonly securityOpts?: string[];
  readonly memory?: number;
  readonly memorySwap?: number;
  readonly ulimits?: { name: string; soft: number; hard: number }[];
  readonly mounts?: { type: MountType; source?: string; target: string; readOnly?: boolean }[];
  readonly networksAdvanced?: { name: string; aliases?: string[] }[];
  readonly restart?: string;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly destroyGraceSeconds?: number;
  readonly logDriver?: string;
  readonly logOpts?: Record<string, string>;
  readonly labels?: { label: string; value: string }[];
  readonly gpus?: string;
  readonly healthcheck?: {
    tests: string[];
    interval?: string;
    timeout?: string;
    startPeriod?: string;
    retries?: number;
  };
}
const known = [
  ...[
    "name",
    "image",
    "hostname",
    "user",
    "command",
    "entrypoints",
    "envs",
    "init",
    "readOnly",
    "tmpfs",
    "capabilities",
  ],
  ...["securityOpts", "memory", "memorySwap", "ulimits", "mounts", "networksAdvanced", "restart", "stopSignal"],
  ...["stopTimeout", "destroyGraceSeconds", "logDriver", "logOpts", "labels", "gpus", "healthcheck"],
];

/** What the real provider changes in place (`resourceDockerContainerUpdate`), or has no use for once the container is made; everything else makes another one. */
const inPlace = [
  ...["restart", "maxRetryCount", "cpuShares", "memory", "cpuSet", "memorySwap", "tmpfs"],
  ...["rm", "start", "attach", "logs", "mustRun", "wait", "waitTimeout", "removeVolumes", "destroyGraceSeconds"],
];

/** `docker:index/container:Container` (`resource_docker_container_funcs.go`): made, taken off the default network and put on its own, started. */
export const container = (inputs: ObjectShape): ResourceType => ({
  inputs,
  computed: ["id"],
  replaces: Object.keys(inputs)
    .map((name) => name.replace("?", ""))
    .filter((name) => !inPlace.includes(name)),
  check: done(known),
  idOf: ({ id }) => String(id),
  create: async (properties) => {
    const given = properties as unknown as Given;
    const made = await docker().createContainer(optionsOf(given));
    for (const { name, aliases } of given.networksAdvanced ?? []) {
      await docker().getNetwork("bridge").disconnect({ Container: made.id });
      await docker()
        .getNetwork(name)
        .connect({ Container: made.id, EndpointConfig: { Aliases: aliases ?? [] } });
    }
    await made.start();
    return { id: made.id };
  },
  update: async (properties, before) => {
    const { restart, memory, memorySwap } = properties as unknown as Given;
    await docker()
      .getContainer(String(before["id"]))
      .update({ ...memoryOf(memory, memorySwap), RestartPolicy: { Name: restart ?? "no" } });
    return { id: before["id"] };
  },
  // One that does not run although it must is taken away and made anew, as the real provider does.
  read: async (id, state) => {
    const there = await ifThere(docker().getContainer(id).inspect());
    if (there === undefined) return undefined;
    if (there.State.Running) return state;
    await remove(id, state);
    return undefined;
  },
  delete: (state) => remove(String(state["id"]), state),
});

async function remove(id: string, state: Properties): Promise<void> {
  const { destroyGraceSeconds = 0 } = state as unknown as Given;
  const there = docker().getContainer(id);
  // 304: it had ended already
  if (destroyGraceSeconds > 0)
    await ifThere(there.stop({ t: destroyGraceSeconds })).catch((error: unknown) => {
      if ((error as { statusCode?: number }).statusCode !== 304) throw error;
    });
  await ifThere(there.remove({ v: true, force: true }));
}

function optionsOf(given: Given): ContainerCreateOptions {
  return {
    name: given.name,
    Image: given.image,
    Hostname: given.hostname ?? "",
    User: given.user ?? "",
    ...(given.command === undefined ? {} : { Cmd: given.command }),
    ...(given.entrypoints === undefined ? {} : { Entrypoint: given.entrypoints }),
    Env: given.envs ?? [],
    Labels: labelsOf(given.labels),
    ...(given.stopSignal === undefined ? {} : { StopSignal: given.stopSignal }),
    ...(given.stopTimeout === undefined ? {} : { StopTimeout: given.stopTimeout }),
    ...(given.healthcheck === undefined ? {} : { Healthcheck: healthOf(given.healthcheck) }),
    HostConfig: {
      Init: given.init === true,
      ReadonlyRootfs: given.readOnly === true,
      Tmpfs: given.tmpfs ?? {},
      CapAdd: given.capabilities?.adds ?? [],
      CapDrop: given.capabilities?.drops ?? [],
      SecurityOpt: given.securityOpts ?? [],
      ...memoryOf(given.memory, given.memorySwap),
      Ulimits: (given.ulimits ?? []).map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      Mounts: (given.mounts ?? []).map(({ type, source = "", target, readOnly = false }) => ({
        ...{ Type: type, Source: source, Target: target, ReadOnly: readOnly },
      })),
      RestartPolicy: { Name: given.restart ?? "no" },
      LogConfig: { Type: given.logDriver ?? "", Config: given.logOpts ?? {} },
      ...(given.gpus === "all" ? { DeviceRequests: [{ Count: -1, Capabilities: [["gpu"]] }] } : {}),
    },
  };
}

const memoryOf = (memory = 0, memorySwap = 0): { Memory: number; MemorySwap: number } => ({
  Memory: memory * 1024 ** 2,
  MemorySwap: memorySwap > 0 ? memorySwap * 1024 ** 2 : memorySwap,
});

const healthOf = ({ tests, interval, timeout, startPeriod, retries }: NonNullable<Given["healthcheck"]>) => ({
  Test: tests,
  Interval: nanoseconds(interval),
  Timeout: nanoseconds(timeout),
  StartPeriod: nanoseconds(startPeriod),
  Retries: retries ?? 0,
});

/** A duration as Go writes it, in the units that ours use. */
function nanoseconds(text = "0s"): number {
  const [, amount, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? [];
  if (amount === undefined) throw new Error(`${text} is no duration`);
  return Number(amount) * { ms: 1e6, s: 1e9, m: 60e9 }[unit as "ms" | "s" | "m"];
}

import { z } from "zod";
import { runProcess, type ProcessResult } from "../../../system/process.js";
import { engineFlags, type DockerEngine } from "./engine.js";
import { EngineTooOld, EngineUnreachable } from "./errors.js";

/** Oldest API that knows all that our containers are made with: Docker 20.10's. */
export const oldestApi = "1.41";

/** Asks an engine one thing through the `docker` program, which knows every way to one. @throws EngineUnreachable when there is no such program */
export async function docker(engine: DockerEngine, args: readonly string[], input?: string): Promise<ProcessResult> {
  try {
    return await runProcess("docker", [...engineFlags(engine), ...args], {
      env: inherited(),
      ...(input === undefined ? {} : { input }),
    });
  } catch (error) {
    throw new EngineUnreachable(engine, "there is no docker program on this machine", error);
  }
}

/** What is asked of a container's state. */
const containerSchema = z.looseObject({
  Id: z.string(),
  State: z.looseObject({
    Running: z.boolean(),
    Restarting: z.boolean(),
    ExitCode: z.number().int(),
  }),
  Config: z.looseObject({ Labels: z.record(z.string(), z.string()).nullable() }),
  Mounts: z.array(z.looseObject({ Type: z.string(), Name: z.string().optional(), Destination: z.string() })),
});
export type InspectedContainer = z.infer<typeof containerSchema>;

/** A container as the engine knows it; `undefined` when it knows none of that name. @throws EngineUnreachable LF1580 */
export async function inspectContainer(engine: DockerEngine, name: string): Promise<InspectedContainer | undefined> {
  const found = await inspect(engine, "container", name);
  return found === undefined ? undefined : containerSchema.parse(found);
}

/** Whether the engine knows a volume of that name. @throws EngineUnreachable LF1580 */
export const isVolumeThere = async (engine: DockerEngine, name: string): Promise<boolean> =>
  (await inspect(engine, "volume", name)) !== undefined;

/** "There is none" and "nobody answers" are both exit code 1: the engine is asked once more, for something that it always has. */
async function inspect(engine: DockerEngine, kind: "container" | "volume", name: string): Promise<unknown> {
  const answer = await docker(engine, [kind, "inspect", "--format", "{{json .}}", name]);
  if (answer.code === 0) return JSON.parse(answer.stdout) as unknown;
  await requireEngine(engine);
  if (/no such (container|volume)/i.test(answer.stderr)) return undefined;
  throw new EngineUnreachable(engine, answer.stderr);
}

const versionSchema = z.looseObject({ ApiVersion: z.string(), Version: z.string() });

/** Makes sure that the engine answers and knows what we ask of it. @returns its version. @throws EngineUnreachable LF1580, EngineTooOld LF1581 */
export async function requireEngine(engine: DockerEngine): Promise<string> {
  const answer = await docker(engine, ["version", "--format", "{{json .Server}}"]);
  const server = answer.code === 0 ? versionSchema.safeParse(JSON.parse(answer.stdout)) : undefined;
  if (server?.success !== true) throw new EngineUnreachable(engine, answer.stderr);
  if (isOlder(server.data.ApiVersion, oldestApi)) throw new EngineTooOld(engine, server.data.ApiVersion, oldestApi);
  return server.data.Version;
}

/** Whether an API version such as `1.9` is older than another, such as `1.41`. Pure. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number);
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

const infoSchema = z.looseObject({
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
  CDISpecDirs: z.array(z.string()).nullish(),
  DiscoveredDevices: z.array(z.looseObject({ ID: z.string() })).nullish(),
});

/** Whether the engine can hand NVIDIA GPUs to a container: by NVIDIA's runtime, or by what the container toolkit wrote down (CDI). */
export async function hasGpuRuntime(engine: DockerEngine): Promise<boolean> {
  const answer = await docker(engine, ["info", "--format", "{{json .}}"]);
  if (answer.code !== 0) throw new EngineUnreachable(engine, answer.stderr);
  return gpusIn(JSON.parse(answer.stdout));
}

/** The same of what `docker info` said. Pure. */
export function gpusIn(info: unknown): boolean {
  const { Runtimes, DiscoveredDevices } = infoSchema.parse(info);
  return (
    Object.hasOwn(Runtimes ?? {}, "nvidia") ||
    (DiscoveredDevices ?? []).some(({ ID }) => ID.startsWith("nvidia.com/gpu"))
  );
}

/** The `docker` program finds its `ssh`, and that its agent and its known hosts; it needs no secret and inherits none. */
const inherited = (): Record<string, string> =>
  Object.fromEntries(
    ["PATH", "HOME", "USER", "LANG", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "DOCKER_CONFIG"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

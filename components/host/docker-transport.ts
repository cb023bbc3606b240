import type { HostVerb } from "../../schema/host.js";
import { systemClock } from "../../system/clock.js";
import type { ProcessResult } from "../../system/process.js";
import type { HostReference } from "../worker-reference.js";
import { readBundleHash } from "./bundle.js";
import { docker, inspectContainer, isVolumeThere, type InspectedContainer } from "./docker-cli.js";
import { ContainerDown, ContainerMissing, OtherBundle, VolumeGone } from "./docker-errors.js";
import { bundleInImage, bundleLabel } from "./docker-image.js";
import type { Host } from "./host.js";
import { askProgram } from "./host-program.js";

/** A reference to a host that is a container. */
export type DockerReference = Extract<HostReference, { kind: "docker" }>;

/**
 * A container as a host: the host program is run there by `docker exec`, and asked and answered by its standard input and output. A container that was stopped is started
 * by whatever is asked of it, as one would switch a machine on; only the proof of a death brings nothing to life.
 */
export function openDockerHost(reference: DockerReference): Host {
  const { engine, container, volume } = reference;
  const call: Host["call"] = async (verb, request) =>
    askProgram(reference, verb, request, async (input) => {
      const run = (): Promise<ProcessResult> => docker(engine, execArgs(container, verb), input);
      const ended = await run();
      // The host program always says something: nothing at all is the engine's refusal.
      if (ended.code === 0 || ended.stdout !== "") return ended;
      return (await brought(reference, verb)) ? run() : ended;
    });
  return {
    reference,
    // It came with the image, which the container was made from: all that is left is to see that it is the one.
    put: async (source) => {
      const wanted = await readBundleHash(source);
      await brought(reference, "put");
      const there = await inspectContainer(engine, container);
      if (there === undefined) throw new ContainerMissing(engine, container);
      requireVolume(there, reference);
      const found = there.Config.Labels?.[bundleLabel] ?? "";
      if (found !== wanted) throw new OtherBundle(container, found, wanted);
      return wanted;
    },
    call,
    answers: async (url) => (await call("answers", { url })).ok,
    present: async () =>
      (await inspectContainer(engine, container)) !== undefined || (await isVolumeThere(engine, volume)),
  };
}

/** What `docker` is told to run a verb of the host program. Pure. */
export const execArgs = (container: string, verb: HostVerb): string[] => [
  "exec",
  "--interactive",
  container,
  `${bundleInImage}/node`,
  `${bundleInImage}/host.js`,
  verb,
];

/** Starts a container that was stopped. @returns whether it had to. @throws ContainerMissing, ContainerDown, EngineUnreachable */
async function brought({ engine, container }: DockerReference, toDo: HostVerb | "put"): Promise<boolean> {
  const there = await inspectContainer(engine, container);
  if (there === undefined) throw new ContainerMissing(engine, container);
  const { Running, Restarting, ExitCode } = there.State;
  if (Running && !Restarting) return false;
  const how = Restarting
    ? `it ends again and again, last with exit code ${ExitCode}`
    : `it was stopped, or ended with exit code ${ExitCode}`;
  if (toDo === "proofOfDeath")
    throw new ContainerDown(engine, container, `${how}, and would serve again once it is started`);
  const started = await docker(engine, ["start", container]);
  if (started.code !== 0) throw new ContainerDown(engine, container, `it cannot be started (${started.stderr.trim()})`);
  for (const end = systemClock.now() + startMs; systemClock.now() < end; await systemClock.sleep(200)) {
    const now = (await inspectContainer(engine, container))?.State;
    if (now?.Running === true && !now.Restarting) return true;
  }
  throw new ContainerDown(engine, container, how);
}
/** Longest that a container may take to run once it is started (ms). */
const startMs = 10_000;

function requireVolume(there: InspectedContainer, { root, container, volume }: DockerReference): void {
  const mounted = there.Mounts.some(
    ({ Type, Name, Destination }) => Type === "volume" && Name === volume && Destination === root,
  );
  if (!mounted) throw new VolumeGone(container, volume);
}

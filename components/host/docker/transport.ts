import type { HostVerb } from "../../../schema/host.js";
import type { HostReference } from "../../worker-reference.js";
import { readBundleHash } from "../bundle.js";
import { docker, inspectContainer, isVolumeThere, type InspectedContainer } from "./cli.js";
import { ContainerDown, ContainerMissing, OtherBundle, VolumeGone } from "./errors.js";
import { bundleInImage, bundleLabel } from "./image.js";
import { inContainer, startIfStopped } from "./start.js";
import type { Host } from "../host.js";
import { askProgram } from "../host-program.js";

/** A reference to a host that is a container. */
export type DockerReference = Extract<HostReference, { kind: "docker" }>;

/**
 * A container as a host: the host program is run there by `docker exec`, and asked and answered by its standard input and output. A container that was stopped is started
 * by whatever is to be done there, as one would switch a machine on; what only asks brings nothing to life.
 */
export function openDockerHost(reference: DockerReference): Host {
  const { engine, container, volume } = reference;
  const call: Host["call"] = async (verb, request) =>
    askProgram(reference, verb, request, (input) =>
      inContainer(engine, container, !onlyAsks.includes(verb), () => docker(engine, execArgs(container, verb), input)),
    );
  return {
    reference,
    // It came with the image, which the container was made from: all that is left is to see that it is the one.
    put: async (source) => {
      const wanted = await readBundleHash(source);
      await startIfStopped(engine, container);
      const there = await inspectContainer(engine, container);
      if (there === undefined) throw new ContainerMissing(engine, container);
      requireVolume(there, reference);
      const found = there.Config.Labels?.[bundleLabel] ?? "";
      if (found !== wanted) throw new OtherBundle(container, found, wanted);
      return wanted;
    },
    call,
    answers: (url) =>
      call("answers", { url }).then(
        ({ ok }) => ok,
        (error: unknown) => {
          if (error instanceof ContainerMissing || error instanceof ContainerDown) return false;
          throw error;
        },
      ),
    present: async () =>
      (await inspectContainer(engine, container)) !== undefined || (await isVolumeThere(engine, volume)),
  };
}

/** Verbs that bring nothing to life: what is asked in a preview, and what may not be changed by being asked. */
const onlyAsks: readonly HostVerb[] = ["answers", "control", "proofOfDeath"];

/** What `docker` is told to run a verb of the host program. Pure. */
export const execArgs = (container: string, verb: HostVerb): string[] => [
  "exec",
  "--interactive",
  container,
  `${bundleInImage}/node`,
  `${bundleInImage}/host.js`,
  verb,
];

function requireVolume(there: InspectedContainer, { root, container, volume }: DockerReference): void {
  const mounted = there.Mounts.some(
    ({ Type, Name, Destination }) => Type === "volume" && Name === volume && Destination === root,
  );
  if (!mounted) throw new VolumeGone(container, volume);
}

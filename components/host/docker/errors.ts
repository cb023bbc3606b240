import { FleetError } from "../../../schema/errors.js";
import { HostNotReached } from "../unreached.js";
import { engineAddress, engineFlags, type DockerEngine } from "./engine.js";

/** A `docker` command for a person, on the same engine. */
export const dockerCommand = (engine: DockerEngine, ...args: readonly string[]): string =>
  [
    "docker",
    ...("socket" in engine && engine.socket === "/var/run/docker.sock" ? [] : engineFlags(engine)),
    ...args,
  ].join(" ");

/** LF1580: a Docker engine does not answer, or there is no `docker` program to ask it with. */
export class EngineUnreachable extends HostNotReached {
  constructor(engine: DockerEngine, said: string, cause?: unknown) {
    super("LF1580", `The Docker engine at ${engineAddress(engine)} does not answer: ${lastLine(said)}.`, {
      fix: `make this work, then run the same command again: ${dockerCommand(engine, "version")}`,
      cause,
    });
  }
}
/** LF1581: a Docker engine is older than what its containers are made with. */
export class EngineTooOld extends FleetError {
  constructor(engine: DockerEngine, found: string, needed: string) {
    super(
      "LF1581",
      `The Docker engine at ${engineAddress(engine)} speaks API ${found}, but ${needed} or newer is needed.`,
      {
        fix: "install a newer one, Docker 20.10 at least (https://docs.docker.com/engine/install).",
      },
    );
  }
}
/** LF1582: a worker's container is not there any more. */
export class ContainerMissing extends HostNotReached {
  constructor(engine: DockerEngine, container: string) {
    super("LF1582", `There is no container ${container} on the Docker engine at ${engineAddress(engine)}.`, {
      fix: "pulumi refresh, then pulumi up: it is made anew on its volume, where journal and sealed keys are.",
    });
  }
}
/** LF1583: a worker's container does not run, and cannot be started or may not be. */
export class ContainerDown extends HostNotReached {
  constructor(engine: DockerEngine, container: string, how: string) {
    super("LF1583", `Container ${container} does not run: ${how}.`, {
      fix: `${dockerCommand(engine, "logs", "--tail", "20", container)}; mend what it says, then run the same command again.`,
    });
  }
}
/** LF1584: a worker's container runs another bundle than the one that is wanted. */
export class OtherBundle extends FleetError {
  constructor(container: string, found: string, wanted: string) {
    super("LF1584", `Container ${container} runs bundle ${short(found)}, but ${short(wanted)} is wanted.`, {
      fix: "pulumi refresh, then pulumi up: image and container are made anew.",
    });
  }
}
/** LF1585: a worker's container has lost the volume that holds its journal and sealed keys. */
export class VolumeGone extends FleetError {
  constructor(container: string, volume: string) {
    super("LF1585", `Container ${container} has no volume ${volume}: journal and sealed keys are not there.`, {
      fix: "bring the volume back, or take the container away (docker rm), then: pulumi refresh, and pulumi up, which says what it needs to hear of the lost one.",
    });
  }
}
/** LF1586: GPUs were asked for, and the engine has no way to hand them to a container. */
export class EngineWithoutGpu extends FleetError {
  constructor(engine: DockerEngine) {
    super("LF1586", `The Docker engine at ${engineAddress(engine)} cannot give GPUs to a container.`, {
      fix: 'install the NVIDIA Container Toolkit there and restart the engine, or ask for the CPU alone: gpu "none".',
    });
  }
}
/** LF1587: what was said of a Docker host makes no sense. */
export class BadDockerHost extends FleetError {
  constructor(host: string, argument: string, why: string) {
    super("LF1587", `Docker host ${host}: ${argument} ${why}.`, {
      fix: `correct "${argument}" and run pulumi up again.`,
    });
  }
}
/** LF1588: the folder that an image is built from cannot be written. */
export class ImageFolderUnwritable extends FleetError {
  constructor(folder: string, cause: unknown) {
    super("LF1588", `The folder ${folder}, from which an image is to be built, cannot be written.`, {
      fix: `sudo chown -R "$USER" ${folder}`,
      cause,
    });
  }
}

const lastLine = (said: string): string => said.trim().split("\n").at(-1)?.replace(/\.$/, "") ?? "no output";
const short = (hash: string): string => (hash === "" ? "none of ours" : `${hash.slice(0, 14)}…`);

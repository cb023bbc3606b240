import type { DockerEngine } from "../../../components/host/docker/engine.js";
import { docker, dockerAddress, mustDocker, noDocker } from "../machines/docker-engine.js";
import { noImage } from "../machines/image.js";

/** Why the tests of Docker hosts cannot run here; `undefined` when they can. Sync, since it decides which tests there are. */
export const whyNoContainers = (): string | undefined =>
  noDocker() ?? (process.getuid?.() === 0 ? noImage() : "only root may look into volumes");

/** The engine that the tests use. */
export const testEngine = (): DockerEngine => ({ socket: dockerAddress().slice("unix://".length) });

/** What a container has logged, on both ways: the engine keeps them apart. */
export async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await docker(["logs", container]);
  return stdout + stderr;
}

/** Everything on the engine whose name begins so: containers, volumes, networks, images. */
export async function everythingOf(prefix: string): Promise<string[]> {
  const lists = [
    mustDocker("ps", "--all", "--format", "container {{.Names}}"),
    mustDocker("volume", "ls", "--format", "volume {{.Name}}"),
    mustDocker("network", "ls", "--format", "network {{.Name}}"),
    mustDocker("images", "--format", "image {{.Repository}}:{{.Tag}}"),
  ];
  const lines = (await Promise.all(lists)).join("\n").split("\n");
  return lines.filter((line) => line.split(" ")[1]?.startsWith(prefix)).sort();
}

/** Removes all of it, whatever a test has left. */
export async function removeEverythingOf(prefix: string): Promise<void> {
  const rank = ["container", "network", "volume", "image"];
  const things = (await everythingOf(prefix)).map((line) => line.split(" ") as [string, string]);
  for (const [kind, name] of things.sort(([a], [b]) => rank.indexOf(a) - rank.indexOf(b)))
    await mustDocker(kind, "rm", ...(kind === "volume" || kind === "network" ? [] : ["--force"]), name);
}

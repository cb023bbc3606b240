import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cacheFolder } from "../../../scripts/toolchain/cache.js";
import { systemClock } from "../../../system/clock.js";
import { lock } from "../../../system/lock.js";
import { runProcess } from "../../../system/process.js";

/** Programs of the administrator's are not on everybody's path. */
const path = [process.env["PATH"] ?? "", "/usr/sbin", "/sbin"].join(delimiter);
const env = { ...(process.env as Record<string, string>), PATH: path };

/** Why the tests of Docker hosts cannot run here; `undefined` when they can. Sync, since it decides which tests there are. */
export function whyNoDocker(): string | undefined {
  try {
    execFileSync("docker", ["version", "--format", "{{.Server.Version}}"], { env, stdio: "pipe", timeout: 10_000 });
  } catch {
    return "no Docker engine answers";
  }
  if (process.getuid?.() !== 0) return "only root may make a base image and look into volumes";
  return path.split(delimiter).some((folder) => existsSync(join(folder, "debootstrap")))
    ? undefined
    : "debootstrap, which makes the base image, is not installed";
}
/** For the name of a suite, so that the list of what was not run says why. */
export const because = (reason: string | undefined): string => (reason === undefined ? "" : ` [not run: ${reason}]`);

/** Runs the `docker` program on this machine's engine. @returns what it printed. @throws Error when it fails */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess("docker", args, { env: { ...env, DOCKER_BUILDKIT: "0" } });
  if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout.trimEnd();
}

/** What a container has logged, on both ways: the engine keeps them apart. */
export async function logsOf(container: string): Promise<string> {
  const { stdout, stderr } = await runProcess("docker", ["logs", container], { env });
  return stdout + stderr;
}

/** Everything on the engine whose name begins so: containers, volumes, networks, images. */
export async function everythingOf(prefix: string): Promise<string[]> {
  const lists = [
    docker("ps", "--all", "--format", "container {{.Names}}"),
    docker("volume", "ls", "--format", "volume {{.Name}}"),
    docker("network", "ls", "--format", "network {{.Name}}"),
    docker("images", "--format", "image {{.Repository}}:{{.Tag}}"),
  ];
  const lines = (await Promise.all(lists)).join("\n").split("\n");
  return lines.filter((line) => line.split(" ")[1]?.startsWith(prefix)).sort();
}

/** Removes all of it, whatever a test has left. */
export async function removeEverythingOf(prefix: string): Promise<void> {
  const rank = ["container", "network", "volume", "image"];
  const things = (await everythingOf(prefix)).map((line) => line.split(" ") as [string, string]);
  for (const [kind, name] of things.sort(([a], [b]) => rank.indexOf(a) - rank.indexOf(b)))
    await docker(kind, "rm", ...(kind === "volume" || kind === "network" ? [] : ["--force"]), name);
}

/** A Debian with glibc and libstdc++ and hardly anything else, as the images that operators name; made once for an engine. @returns its tag */
export async function baseImage(): Promise<string> {
  const packages = ["libstdc++6", "ca-certificates"];
  const tag = `docker-test-base:${createHash("sha256").update(packages.join()).digest("hex").slice(0, 12)}`;
  const isThere = async (): Promise<boolean> =>
    (await runProcess("docker", ["image", "inspect", tag], { env })).code === 0;
  if (await isThere()) return tag;
  const work = join(cacheFolder(process.env), "docker-test-base");
  await mkdir(work, { recursive: true });
  const held = await lock(join(work, "lock"), 1_200_000, systemClock);
  try {
    if (await isThere()) return tag;
    const root = join(work, "root");
    const steps = [
      `rm -rf ${root}`,
      `debootstrap --variant=minbase --include=${packages.join(",")} bookworm ${root}`,
      `tar -C ${root} --exclude=./var/cache/apt/* --exclude=./var/lib/apt/lists/* -c . | docker import - ${tag}`,
      `rm -rf ${root}`,
    ];
    const { code, stderr } = await runProcess("/bin/bash", ["-eo", "pipefail", "-c", steps.join("\n")], { env });
    if (code !== 0) throw new Error(`no base image could be made: ${stderr.slice(-500)}`);
    return tag;
  } finally {
    held?.release();
  }
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "../../../system/clock.js";
import { runProcess, stopProcess } from "../../../system/process.js";
import { whyNoEngineAt } from "./docker-engine.js";

/** A Docker engine that was started for the tests alone. */
export interface OwnEngine {
  readonly address: string;
  /** Stops it and removes its folder, with every image and container in it. */
  stop(): Promise<void>;
}

const longestStartMs = 60_000;

/**
 * Starts an engine in a folder of its own. It leaves this computer's network as it is: no bridge, no firewall rules, no routing. So what runs in it reaches
 * this computer and is reached from it, and there is no way out.
 * @returns the engine, or why none can be had here
 */
export async function startOwnEngine(): Promise<OwnEngine | string> {
  if (process.getuid?.() !== 0) return "only root may start a Docker engine";
  const path = [process.env["PATH"] ?? "", "/usr/local/sbin", "/usr/sbin", "/sbin"].join(delimiter);
  const program = path.split(delimiter).find((folder) => existsSync(join(folder, "dockerd")));
  if (program === undefined) return "dockerd is not installed (Debian: apt-get install docker.io)";
  const folder = await mkdtemp(join(tmpdir(), "fleet-docker-")); // short: socket paths may have 108 bytes
  const address = `unix://${join(folder, "docker.sock")}`;
  const log = createWriteStream(join(folder, "dockerd.log"));
  await once(log, "open");
  // A run that is killed stops nothing: so the kernel tells the engine when we are gone.
  const child = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "TERM", join(program, "dockerd")],
      ...["--host", address, "--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...["--pidfile", join(folder, "dockerd.pid"), "--bridge", "none"],
      ...["--iptables=false", "--ip-forward=false"],
    ],
    { stdio: ["ignore", log, log], env: { ...process.env, PATH: path } },
  );
  child.once("error", () => undefined); // seen as an engine that never answers
  const stop = async (): Promise<void> => {
    await stopProcess(child, 60_000);
    log.close();
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
  };
  for (const end = systemClock.now() + longestStartMs; systemClock.now() < end; await systemClock.sleep(200)) {
    if (whyNoEngineAt(address) === undefined) return { address, stop };
    if (child.exitCode !== null || child.signalCode !== null) break;
  }
  const said = (await readFile(join(folder, "dockerd.log"), "utf8")).trim().split("\n").at(-1) ?? "";
  await stop();
  return `an engine of our own does not start: ${said}`;
}

/** What an engine leaves mounted when it is stopped: name spaces of networks, its own folder. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse())
    await runProcess("umount", ["-l", mount]);
}

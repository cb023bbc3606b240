import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "../../../system/clock.js";
import { isAlive, runProcess, stopProcess } from "../../../system/process.js";
import { whyNoEngineAt } from "./docker-engine.js";

/** A Docker engine that was started for the tests alone. */
export interface OwnEngine {
  readonly address: string;
  /** The interface that it has in `docker0`'s place. */
  readonly bridge: string;
  /**
   * Ends it and starts it again, with everything that it keeps. @param how `stopped`: as by the system's own command, so that its containers are told to stop;
   * `killed`: its containers go on without it
   * @throws Error when it does not answer again
   */
  restart(how: "stopped" | "killed"): Promise<void>;
  /** Stops it and removes its folder, with every image and container in it. */
  stop(): Promise<void>;
}

const longestStartMs = 60_000;
/** It waits for its containers, and those for what they have begun. */
const longestStopMs = 120_000;
const searched = (): string => [process.env["PATH"] ?? "", "/usr/local/sbin", "/usr/sbin", "/sbin"].join(delimiter);
const daemon = (): string | undefined =>
  searched()
    .split(delimiter)
    .map((folder) => join(folder, "dockerd"))
    .find((path) => existsSync(path));

/** Why no engine can even be tried to be started; `undefined` where it can. */
export function noOwnEngine(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may start a Docker engine";
  return daemon() === undefined ? "dockerd is not installed (Debian: apt-get install docker.io)" : undefined;
}

/**
 * Starts an engine in a folder of its own. It leaves this computer's network as it is: no routing, and one rule of the firewall, for this engine's own addresses: another
 * engine, even one that ran here once, has what it does not know dropped, and the containers could not talk to each other. So what runs in it reaches this computer and is
 * reached from it, and there is no way out. It gets a bridge of its own: one without any (`--bridge none`) removes `docker0`, which may be another engine's.
 * @returns the engine, or why none can be had here
 */
export async function startOwnEngine(): Promise<OwnEngine | string> {
  const [whyNot, program] = [noOwnEngine(), daemon()];
  if (whyNot !== undefined || program === undefined) return whyNot ?? "dockerd is gone";
  const folder = await mkdtemp(join(tmpdir(), "fleet-docker-")); // short: socket paths may have 108 bytes
  const address = `unix://${join(folder, "docker.sock")}`;
  const bridge = `fleet-${randomBytes(4).toString("hex")}`; // an interface's name may have 15 bytes
  const made = await ip("link", "add", "name", bridge, "type", "bridge");
  if (made !== undefined) return `a bridge cannot be made: ${made}`;
  await ip("address", "add", `10.${randomInt(150, 200)}.${randomInt(256)}.1/29`, "dev", bridge);
  const addresses = `10.${randomInt(100, 150)}.${randomInt(256)}.0/24`;
  const closeFirewall = await openFirewall(addresses);
  const log = createWriteStream(join(folder, "dockerd.log"));
  await once(log, "open");
  // A run that is killed stops nothing: so the kernel tells the engine when we are gone.
  const launch = (): ChildProcess => {
    const child = spawn(
      "setpriv",
      [
        ...["--pdeathsig", "TERM", program],
        ...["--host", address, "--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
        ...["--pidfile", join(folder, "dockerd.pid"), "--bridge", bridge],
        ...["--iptables=false", "--ip-forward=false"],
        ...["--default-address-pool", `base=${addresses},size=28`],
      ],
      { stdio: ["ignore", log, log], env: { ...process.env, PATH: searched() } },
    );
    return child.once("error", () => undefined); // seen as an engine that never answers
  };
  let child = launch();
  const stop = async (): Promise<void> => {
    await stopProcess(child, longestStopMs);
    log.close();
    await closeFirewall();
    await ip("link", "delete", bridge);
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
  };
  const answers = async (): Promise<boolean> => {
    for (const end = systemClock.now() + longestStartMs; systemClock.now() < end; await systemClock.sleep(200)) {
      if (whyNoEngineAt(address) === undefined) return true;
      if (child.exitCode !== null || child.signalCode !== null) return false;
    }
    return false;
  };
  const lastWord = async (): Promise<string> =>
    (await readFile(join(folder, "dockerd.log"), "utf8")).trim().split("\n").at(-1) ?? "";
  const restart: OwnEngine["restart"] = async (how) => {
    const pidFile = join(folder, "exec", "containerd", "containerd.pid");
    const containerd = Number(await readFile(pidFile, "utf8"));
    if (how === "killed") child.kill("SIGKILL");
    await stopProcess(child, longestStopMs);
    // It goes down with its engine. What is left of it would be taken for one that runs.
    for (const end = systemClock.now() + longestStopMs; isAlive(containerd); await systemClock.sleep(100))
      if (systemClock.now() > end) throw new Error("the engine's containerd does not end");
    await rm(pidFile, { force: true });
    child = launch();
    if (!(await answers())) throw new Error(`the engine does not start again: ${await lastWord()}`);
  };
  if (await answers()) return { address, bridge, restart, stop };
  const said = await lastWord();
  await stop();
  return `an engine of our own does not start: ${said}`;
}

/** @returns why it failed; `undefined` when it did not */
async function ip(...args: readonly string[]): Promise<string | undefined> {
  const { code, stderr } = await runProcess("ip", args, { env: { PATH: searched() } });
  return code === 0 ? undefined : stderr.trim();
}

/** Lets packets between these addresses through. @returns what takes that back */
async function openFirewall(addresses: string): Promise<() => Promise<void>> {
  const rule = ["FORWARD", "--source", addresses, "--destination", addresses, "--jump", "ACCEPT"];
  const change = async (how: "--insert" | "--delete"): Promise<void> => {
    // Where there is no such program, nobody has made a rule with it either.
    await runProcess("iptables", [how, ...rule], { env: { PATH: searched() } }).catch(() => undefined);
  };
  await change("--insert");
  return () => change("--delete");
}

/** What an engine leaves mounted when it is stopped: name spaces of networks, its own folder. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse())
    await runProcess("umount", ["-l", mount]);
}

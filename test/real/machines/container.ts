import { systemClock } from "../../../system/clock.js";
import type { ProcessResult } from "../../../system/process.js";
import { docker } from "./docker-engine.js";

/** A container that systemd takes for a computer, by its name; whoever made it sees to its life. */
export interface Container {
  readonly name: string;
  /** Runs a program there as root. Never rejects because of an exit code. */
  run(argv: readonly string[], input?: string | Uint8Array): Promise<ProcessResult>;
  /** Runs a program there that must succeed. @returns what it printed, without the last newline */
  must(argv: readonly string[], input?: string | Uint8Array): Promise<string>;
  /** Another one after each boot. */
  bootId(): Promise<string>;
  /** Waits until everything that starts with it has started, or failed. @throws Error with its last words, when it does not come so far */
  settled(): Promise<"running" | "degraded">;
  /** Waits for a boot after the one with this id. */
  anotherBoot(bootId: string): Promise<void>;
}

const longestBootMs = 120_000;
const [firstPause, longestPause] = [50, 500];

/** The container of this name, which need not be there yet. */
export function containerOf(name: string): Container {
  const run: Container["run"] = (argv, input) =>
    docker(["exec", ...(input === undefined ? [] : ["--interactive"]), name, ...argv], {
      ...(input === undefined ? {} : { input }),
    });
  const must: Container["must"] = async (argv, input) => {
    const { code, stdout, stderr } = await run(argv, input);
    if (code !== 0) throw new Error(`${argv.join(" ")} on ${name} ended with ${code}: ${stdout}${stderr}`);
    return stdout.trimEnd();
  };
  return {
    name,
    run,
    must,
    bootId: () => must(["cat", "/proc/sys/kernel/random/boot_id"]),
    settled: async () => {
      let pause = firstPause;
      for (const end = systemClock.now() + longestBootMs; ; await systemClock.sleep(pause)) {
        const { stdout, stderr } = await run(["systemctl", "is-system-running"]);
        const state = stdout.trim();
        if (state === "running" || state === "degraded") return state;
        if (systemClock.now() > end) throw new Error(`${name} does not boot: ${stdout}${stderr}${await logOf(name)}`);
        pause = Math.min(pause * 2, longestPause);
      }
    },
    anotherBoot: async (before) => {
      for (const end = systemClock.now() + longestBootMs; ; await systemClock.sleep(longestPause)) {
        const { code, stdout } = await run(["cat", "/proc/sys/kernel/random/boot_id"]);
        if (code === 0 && stdout.trim() !== before) return;
        if (systemClock.now() > end) throw new Error(`${name} did not boot again: ${await logOf(name)}`);
      }
    },
  };
}

/**
 * What makes a container a computer for systemd. It gets every capability but SYS_RESOURCE, which not every engine has to give: so a machine cannot raise
 * its limits above ours, nor shield a process from the out-of-memory killer.
 */
export const computerFlags: readonly string[] = [
  ...["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"],
  ...["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--cgroupns", "private"],
  ...["--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777"],
];

async function logOf(name: string): Promise<string> {
  const { stdout, stderr } = await docker(["logs", "--tail", "20", name]);
  return `${stdout}${stderr}`;
}

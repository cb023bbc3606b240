import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../system/clock.js";
import { ensureFolder, readIfPresent } from "../system/files.js";
import { tryLock } from "../system/lock.js";
import { compiled } from "../system/package-root.js";
import { isAlive, startProcess, stopProcess } from "../system/process.js";
import type { Forks } from "./chain/genesis.js";
import { stopOrphan } from "./chain/orphan.js";
import { filesIn, readDocument, runningSchema, type Running } from "./documents.js";
import type { NetworkMode } from "./mode.js";
import { DevnetDidNotStart, DevnetDidNotStop, DevnetRunning } from "./errors.js";

/**
 * Starts a rehearsal network in a process of its own, which outlives this one, and resolves when it is ready for a worker.
 * @param options.mode how sessions are given to workers, when the folder is new. Default: sortition
 * @param options.program the compiled `devnet/main.js`. Default: this package's
 * @throws DevnetRunning (LF1022), DevnetDidNotStart (LF1025) with the end of its log
 */
export async function startInBackground(
  options: { dir: string; geth: string; mode?: NetworkMode; program?: string } & Forks,
): Promise<Running> {
  const { dir, geth, mode, program = compiled("devnet/main.js") } = options;
  const files = filesIn(dir);
  await ensureFolder(dir, "private");
  if (isRunning(dir)) throw new DevnetRunning(dir);
  await rm(files.running, { force: true }); // of a process that was killed
  const log = await open(files.log, "w", 0o600);
  const chosen = [...(mode ? ["--mode", mode] : []), ...forkArguments(options)];
  const child = startProcess(process.execPath, [program, "up", "--dir", dir, ...chosen], {
    // Only this, since it lives long: what else this process was given is not the network's business.
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? dir, LIGHTCHAIN_GETH: geth },
    stdio: ["ignore", log.fd, log.fd],
    detached: true,
  });
  await log.close();
  let ended = false;
  child.once("error", () => (ended = true)).once("exit", () => (ended = true));
  const end = systemClock.now() + START_WITHIN_MS;
  for (;;) {
    const running = await readDocument(files.running, runningSchema);
    if (running) {
      child.unref();
      return running;
    }
    if (isTrue(ended) || systemClock.now() > end) {
      await stopProcess(child);
      const tail = ((await readIfPresent(files.log)) ?? "").trimEnd().split("\n").slice(-20).join("\n");
      throw new DevnetDidNotStart(dir, { file: files.log, tail });
    }
    await systemClock.sleep(50);
  }
}

const forkArguments = ({ fork, osakaAfter }: Forks): string[] => [
  ...(fork === undefined ? [] : ["--fork", fork]),
  ...(osakaAfter === undefined ? [] : ["--osaka-after", String(osakaAfter)]),
];
const START_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 60_000;
/** For what a callback changes behind the compiler's back. */
const isTrue = (value: boolean): boolean => value;

/** What is known of the network that runs in this folder; `undefined` when none does. */
export async function runningIn(dir: string): Promise<Running | undefined> {
  return isRunning(dir) ? readDocument(filesIn(dir).running, runningSchema) : undefined;
}

/**
 * Stops the network that runs in this folder, whoever started it, and resolves when all of it is gone; also what a killed process left behind.
 * Chain, accounts and ports stay in the folder.
 * @returns whether one was running
 * @throws DevnetDidNotStop (LF1026)
 */
export async function stopDevnet(dir: string): Promise<boolean> {
  const files = filesIn(dir);
  if (!existsSync(dir)) return false;
  const wasRunning = isRunning(dir);
  const running = await readDocument(files.running, runningSchema);
  if (wasRunning && running) {
    await askToStop(running);
    const end = systemClock.now() + STOP_WITHIN_MS;
    while (isRunning(dir)) {
      if (systemClock.now() > end) throw new DevnetDidNotStop(dir, running.pid);
      await systemClock.sleep(50);
    }
    // The lock was let go of last; what remains is the process's own end. One whose parent never looks stays listed, so this is bounded.
    for (let waited = 0; isAlive(running.pid) && waited < 2_000; waited += 50) await systemClock.sleep(50);
  } else if (wasRunning) throw new DevnetRunning(dir); // it is just starting
  for (const node of ["node", "producer"]) await stopOrphan(join(files.chain, node), systemClock);
  await rm(files.running, { force: true });
  return wasRunning;
}

/** Through the control API; by signal when that does not answer. The process is alive: it holds the lock. */
async function askToStop(running: Running): Promise<void> {
  const asked = fetch(`${running.control}/stop`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    signal: AbortSignal.timeout(5_000),
  });
  const heard = await asked.then(
    (answer) => answer.ok,
    () => false,
  );
  if (!heard) process.kill(running.pid, "SIGTERM");
}

/** Whether a living process holds the folder. */
function isRunning(dir: string): boolean {
  const file = filesIn(dir).lock;
  if (!existsSync(file)) return false;
  const lock = tryLock(file);
  lock?.release();
  return lock === undefined;
}

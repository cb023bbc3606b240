import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import type { PendingJob } from "../../../../devnet/consumer/follow.js";
import type { ConsumerSession } from "../../../../devnet/consumer/open-session.js";
import { parseRelayFrame } from "../../../../protocol/frames.js";
import { until } from "../../devnet/chain/harness.js";
import { model, type Ground } from "../kills/ground.js";
import { exitOf, type RealWorker } from "../started.js";

/** One place where the worker's key is, and the process that runs there, if any. */
export interface Place {
  readonly worker: RealWorker;
  process: ChildProcess | null;
}

/** The places of a worker whose disk was copied, and what the operator says of its epoch. */
export interface Holders {
  readonly ground: Ground;
  places: Place[];
  epoch: number;
}

/** When the copy is made, after the job was asked for, in ms; and what happens to whom. */
export interface Chances {
  readonly copyMs: number;
  /** The first process is killed at that moment, as a machine is whose image is restored elsewhere. */
  readonly isKilled: boolean;
  /** Both are stopped and started again at this time after the copy, in ms; `null`: not at all. */
  readonly restartMs: number | null;
  /** Pieces of the answer that come before it is held for a while; `null`: it is not held. */
  readonly heldAfter: number | null;
}

/** A job is asked, the worker's disk is copied while it works on it, and both copies run on. @returns what was violated */
export async function playRound(
  holders: Holders,
  { copyMs, isKilled, restartMs, heldAfter }: Chances,
): Promise<string[]> {
  const { ground } = holders;
  const [first] = holders.places;
  if (first === undefined) throw new Error("nobody serves");
  if (heldAfter !== null) ground.ollama.pauseAfter(heldAfter);
  const session = await ground.consumer.requestSession(model);
  const pending = await ground.consumer.submit(session, "Tell me about the stars.");

  await pause(copyMs);
  const second = await copyOf(first, join(first.worker.folder, "..", `copy-${pending.jobId}`), isKilled);
  holders.places = [first, second];
  for (const place of holders.places) place.process ??= place.worker.start(holders.epoch);
  if (restartMs !== null) {
    await pause(restartMs);
    for (const place of holders.places) await kill(place);
    for (const place of holders.places) place.process = place.worker.start(holders.epoch);
  }
  await pause(500); // both have seen the prompt by now, or are about to
  ground.ollama.resume();

  const outcome = await answered(ground, pending);
  await settleDown(holders);
  const wrong = signedTwice(holders, pending);
  if (outcome === "wrong") wrong.push("the answer does not verify");
  await goOn(holders, session);
  return wrong;
}

/** A copy of a place's disk, as it is at one moment. */
async function copyOf(place: Place, folder: string, isKilled: boolean): Promise<Place> {
  place.process?.kill("SIGSTOP");
  const worker = await place.worker.copy(folder);
  if (isKilled) await kill(place);
  else place.process?.kill("SIGCONT");
  return { worker, process: null };
}

async function kill(place: Place): Promise<void> {
  const { process } = place;
  place.process = null;
  if (process === null) return;
  const ended = exitOf(process);
  process.kill("SIGCONT");
  process.kill("SIGKILL");
  await ended;
}

/** The answer may be given up: that costs, but it is no crime. */
async function answered(ground: Ground, pending: PendingJob): Promise<"verified" | "wrong" | "given up"> {
  const follow = ground.consumer.follow(pending).then(({ verified }) => (verified === "verified" ? verified : "wrong"));
  return Promise.race([follow, pause(20_000, "given up" as const)]);
}

/** Waits until at most one place does something, and ends them all, so that their journals can be read. */
async function settleDown(holders: Holders): Promise<void> {
  const modeOf = async ({ worker, process }: Place): Promise<string> => {
    if (process === null || process.exitCode !== null) return "ended";
    return worker.call({ op: "status" }).then(
      ({ mode }) => mode,
      () => "starting",
    );
  };
  await until(async () => {
    const modes = await Promise.all(holders.places.map(modeOf));
    return !modes.includes("starting") && modes.filter((mode) => mode === "live").length <= 1;
  });
  for (const place of holders.places) await kill(place);
}

/** Two signatures over different answers to one job are evidence that costs the stake. */
function signedTwice({ places }: Holders, pending: PendingJob): string[] {
  const delivered = pending.inbox.frames
    .map((text) => parseRelayFrame(text))
    .flatMap((frame) => {
      const isEnd = frame.type === "complete" && frame.jobId === pending.jobId && frame.payload.length > 0;
      return isEnd ? [Buffer.from(frame.payload).toString("hex")] : [];
    });
  const signed = places.flatMap(({ worker }) => signedIn(worker, pending.jobId));
  const wrong = [];
  if (new Set(delivered).size > 1) wrong.push(`${new Set(delivered).size} answers were delivered`);
  if (new Set(signed).size > 1) wrong.push(`${new Set(signed).size} answers were signed`);
  return wrong;
}

function signedIn(worker: RealWorker, job: bigint): string[] {
  const path = join(worker.folder, "state", "journal.sqlite");
  if (!existsSync(path)) return [];
  const database = new DatabaseSync(path);
  try {
    const rows = database.prepare("SELECT signature FROM jobs WHERE id = ?").all(job.toString());
    return rows.flatMap(({ signature }) => (typeof signature === "string" ? [signature] : []));
  } finally {
    database.close();
  }
}

/** What an operator does who has proven that all are stopped: the next epoch, in one place. */
async function goOn(holders: Holders, session: ConsumerSession): Promise<void> {
  const [first] = holders.places;
  if (first === undefined) throw new Error("nobody serves");
  holders.epoch += 1;
  holders.places = [first];
  first.process = first.worker.start(holders.epoch);
  await first.worker.until(({ mode, claiming }) => mode === "live" && claiming, "live under the next epoch");
  await holders.ground.consumer.closeSession(session).catch(() => undefined); // its job may be past its deadline
}

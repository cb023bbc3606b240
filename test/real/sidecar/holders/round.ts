import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { PendingJob } from "../../../../devnet/consumer/follow.js";
import type { ConsumerSession } from "../../../../devnet/consumer/open-session.js";
import { parseRelayFrame } from "../../../../protocol/frames.js";
import { until } from "../../devnet/chain/harness.js";
import { goLive, model } from "../kills/ground.js";
import { stages } from "../kills/stages.js";
import { exitOf } from "../started.js";
import { copyOf, kill, servingPlace, signedAt, type Holders, type Place } from "./places.js";

/** What happens to a worker's key while a job of it is worked on. */
export const kinds = [
  "a disk that is copied in the middle of a job",
  "an old copy of the disk that is restored",
  "a second process on the same state folder",
  "a holder that was only paused when another took over",
  "a new host after the former one was killed",
] as const;
export type Kind = (typeof kinds)[number];

/** What chance decides in a round; the same seed decides the same. */
export interface Chances {
  readonly kind: Kind;
  /** When it happens, after the job was asked for, in ms. */
  readonly afterMs: number;
  /** The first process is killed at that moment, as a machine is whose image is restored elsewhere. */
  readonly isKilled: boolean;
  /** All are stopped and started again at this time thereafter, in ms; `null`: not at all. */
  readonly restartMs: number | null;
  /** Pieces of the answer that come before it is held for a while; `null`: it is not held. */
  readonly heldAfter: number | null;
  /** A taker-over begins with nothing, and not with a copy of the former holder's disk. */
  readonly isEmpty: boolean;
  /** The former holder has published its answer when it is killed. */
  readonly hasPublished: boolean;
}

/** One job, and what happens to the key meanwhile. @returns what was violated */
export async function playRound(holders: Holders, chances: Chances): Promise<string[]> {
  const { ground } = holders;
  const { ollama, consumer } = ground;
  const play = plays[chances.kind];
  const round: Round = { holders, chances, pending: [], wrong: [] };
  const session = await consumer.requestSession(model);
  try {
    await play(round, session);
  } finally {
    ollama.resume();
    ground.devnet.faults.clear();
  }
  const outcomes = await Promise.all(round.pending.map((job) => answered(round, job)));
  await settleDown(holders);
  for (const [at, outcome] of outcomes.entries())
    if (outcome === "wrong") round.wrong.push(`answer ${at} does not verify`);
  for (const job of round.pending) round.wrong.push(...signedTwice(holders, job));
  await goOn(holders, session);
  return round.wrong;
}

interface Round {
  readonly holders: Holders;
  readonly chances: Chances;
  /** Jobs that were asked for. */
  readonly pending: PendingJob[];
  readonly wrong: string[];
}

const plays: Record<Kind, (round: Round, session: ConsumerSession) => Promise<void>> = {
  "a disk that is copied in the middle of a job": async (round, session) => {
    const { holders, chances } = round;
    const first = servingPlace(holders);
    const job = await submit(round, session);
    await pause(chances.afterMs);
    const second = await copyOf(first, folderFor(first, job));
    if (chances.isKilled) await kill(first);
    await runBoth(round, first, second);
  },

  "an old copy of the disk that is restored": async (round, session) => {
    const { holders, chances } = round;
    const first = servingPlace(holders);
    const earlier = await submit(round, session, { isHeld: false });
    await pause(chances.afterMs);
    const second = await copyOf(first, folderFor(first, earlier));
    await Promise.race([holders.ground.consumer.follow(earlier), pause(20_000)]);
    await submit(round, session);
    await pause(chances.afterMs);
    if (chances.isKilled) await kill(first);
    await runBoth(round, first, second);
  },

  "a second process on the same state folder": async (round, session) => {
    const { holders, chances, wrong } = round;
    const first = servingPlace(holders);
    await submit(round, session);
    await pause(chances.afterMs);
    const code = await exitOf(first.worker.start(holders.epoch));
    if (code !== 75) wrong.push(`the second process ended with ${code}`);
    if (!(await first.worker.log()).includes("LF1454")) wrong.push("the second process did not say why");
    if (first.process?.exitCode !== null) wrong.push("the first process did not go on");
  },

  "a holder that was only paused when another took over": async (round, session) => {
    const { holders, chances, wrong } = round;
    const first = servingPlace(holders);
    const job = await submit(round, session);
    await pause(chances.afterMs);
    first.process?.kill("SIGSTOP");
    const pausedAt = Date.now();
    holders.ground.ollama.resume();
    const before = signedAt({ worker: await first.worker.copy(`${folderFor(first, job)}-before`), process: null });
    await takeOver(round, job);
    // In less nobody is proven stopped, replaced and started; the sidecar takes that for granted (sidecar/sole-signer.ts).
    await pause(Math.max(0, pausedAt + 6_000 - Date.now()));
    const former = first.process;
    former?.kill("SIGCONT");
    const code = former === null ? null : await Promise.race([exitOf(former), pause(30_000, "still running" as const)]);
    await kill(first);
    if (code !== 75) wrong.push(`the one that was paused did not end with 75, but: ${code}`);
    const after = signedAt(first);
    for (const [id, signature] of after.answers)
      if (before.answers.get(id) !== signature) wrong.push(`it signed the answer of job ${id} after it was replaced`);
    const sent = [...after.transactions].filter((hash) => !before.transactions.has(hash));
    if (sent.length > 0) wrong.push(`it signed ${sent.length} transactions after it was replaced`);
  },

  "a new host after the former one was killed": async (round, session) => {
    const { holders, chances, wrong } = round;
    const { ground } = holders;
    const first = servingPlace(holders);
    const stage = stages.find(({ name }) => name === "completion sent");
    const newest = (await ground.now()).job?.id ?? 0n;
    if (chances.hasPublished) stage?.arrange(ground);
    const job = await submit(round, session, { isHeld: !chances.hasPublished });
    await (chances.hasPublished ? stage?.reached(ground, newest) : pause(chances.afterMs));
    await kill(first);
    ground.ollama.resume();
    // With an empty disk: one that knows of the completion would wait for it, and the fault keeps that back until the mark is mined.
    await takeOver({ ...round, chances: { ...chances, isEmpty: true } }, job);
    ground.devnet.faults.clear();
    if (chances.hasPublished && (await answered(round, job, 60_000)) !== "verified")
      wrong.push("an answer that was published was lost");
  },
};

async function submit(
  { holders: { ground }, chances, pending }: Round,
  session: ConsumerSession,
  { isHeld = true } = {},
): Promise<PendingJob> {
  if (isHeld && chances.heldAfter !== null) ground.ollama.pauseAfter(chances.heldAfter);
  const job = await ground.consumer.submit(session, "Tell me about the stars.");
  pending.push(job);
  return job;
}

const folderFor = ({ worker }: Place, { jobId }: PendingJob): string => join(worker.folder, "..", `copy-${jobId}`);

/** Two places run on under one epoch. */
async function runBoth({ holders, chances: { restartMs } }: Round, first: Place, second: Place): Promise<void> {
  holders.places = [first, second];
  for (const place of holders.places) place.process ??= place.worker.start(holders.epoch);
  if (restartMs !== null) {
    await pause(restartMs);
    for (const place of holders.places) await kill(place);
    for (const place of holders.places) place.process = place.worker.start(holders.epoch);
  }
  await pause(500); // both have seen the prompt by now, or are about to
}

/** Another place goes on under the next epoch, as an operator has it whose word is that the former one is gone. */
async function takeOver({ holders, chances: { isEmpty } }: Round, job: PendingJob): Promise<void> {
  const first = servingPlace(holders);
  const folder = folderFor(first, job);
  const worker = await (isEmpty ? first.worker.elsewhere(folder) : first.worker.copy(folder));
  holders.epoch += 1;
  const second: Place = { worker, process: worker.start(holders.epoch) };
  holders.places = [first, second];
  await worker.until(({ block }) => block !== null, "the taker-over's start");
  if (isEmpty) await worker.call(goLive);
  await worker.until(
    ({ transactions }) =>
      transactions.some(
        ({ purpose, outcome }) => purpose.endsWith(`/handover/g0/${holders.epoch}`) && outcome === "mined",
      ),
    "the mark of the new epoch",
  );
}

/** The answer may be given up: that costs, but it is no crime. */
async function answered(
  { holders: { ground } }: Round,
  pending: PendingJob,
  withinMs = 10_000,
): Promise<"verified" | "wrong" | "given up"> {
  const follow = ground.consumer.follow(pending).then(({ verified }) => (verified === "verified" ? verified : "wrong"));
  return Promise.race([follow, pause(withinMs, "given up" as const)]);
}

/** Waits until at most one place does something, and ends them all, so that their journals can be read. */
async function settleDown(holders: Holders): Promise<void> {
  const modeOf = async ({ worker, process }: Place): Promise<string> => {
    if (process === null || process.exitCode !== null || process.signalCode !== null) return "ended";
    return worker.call({ op: "status" }).then(
      ({ mode }) => mode,
      () => "starting",
    );
  };
  let modes: readonly string[] = [];
  await until(async () => {
    modes = await Promise.all(holders.places.map(modeOf));
    return !modes.includes("starting") && modes.filter((mode) => mode === "live").length <= 1;
  }).catch(async (error: unknown) => {
    const logs = await Promise.all(holders.places.map(({ worker }) => worker.log()));
    for (const log of logs) console.error(log.split("\n").slice(-60).join("\n"));
    throw new Error(`it did not settle down: ${modes.join(", ")}`, { cause: error });
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
  const signed = places.flatMap((place) => signedAt(place).answers.get(pending.jobId.toString()) ?? []);
  const wrong = [];
  if (new Set(delivered).size > 1) wrong.push(`${new Set(delivered).size} answers were delivered`);
  if (new Set(signed).size > 1) wrong.push(`${new Set(signed).size} answers were signed`);
  return wrong;
}

/** What an operator does who has proven that all are stopped: the next epoch, in one place. */
async function goOn(holders: Holders, session: ConsumerSession): Promise<void> {
  const first = servingPlace(holders);
  holders.epoch += 1;
  holders.places = [first];
  first.process = first.worker.start(holders.epoch);
  await first.worker.until(({ mode, claiming }) => mode === "live" && claiming, "live under the next epoch");
  await holders.ground.consumer.closeSession(session).catch(() => undefined); // its job may be past its deadline
}

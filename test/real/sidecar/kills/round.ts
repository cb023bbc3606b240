import type { ChildProcess } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { parseRelayFrame } from "../../../../protocol/frames.js";
import { exitOf } from "../started.js";
import { until } from "../../devnet/chain/harness.js";
import { model, type Ground } from "./ground.js";
import { stateAfter, type Stage } from "./stages.js";

/** What chance decides in a round; the same seed decides the same. */
export interface Chances {
  /** How long the worker lives on at the stage, in ms. */
  readonly lingersMs: number;
  /** What held the worker at the stage ends while it is dead, or only once it is back. */
  readonly isFreedFirst: boolean;
  /** A second kill so long after the restart, in ms; `null`: none. */
  readonly killedAgainMs: number | null;
}

/** What a round did, and what it violated. */
export interface Round {
  readonly job: string;
  /** Where the journal said the job stood when the process was dead. */
  readonly stoodAt: string;
  readonly wrong: readonly string[];
}

/** Transactions of the worker that a job in a session of its own takes: claim, acknowledgement, blob, completion. */
const transactionsPerJob = 4;

/** One job in a session of its own, whose worker is killed at the stage and started again. `running` is the worker's process. */
export async function playRound(
  ground: Ground,
  running: ChildProcess,
  stage: Stage,
  chances: Chances,
): Promise<{ round: Round; running: ChildProcess }> {
  const { client, consumer, devnet, ollama, worker } = ground;
  const wrong: string[] = [];
  const before = {
    job: (await ground.now()).job?.id ?? 0n,
    nonce: await client.getTransactionCount({ address: worker.address }),
    block: await client.getBlockNumber(),
  };
  stage.arrange(ground);
  const submitting = (async () => consumer.submit(await consumer.requestSession(model), "Tell me about the stars."))();
  submitting.catch(() => undefined); // it is awaited below
  await stage.reached(ground, before.job);
  await pause(chances.lingersMs);
  await kill(running);

  const stoodAt = stateAfter(ground.onDisk(), before.job);
  if (!stage.states.includes(stoodAt)) wrong.push(`killed at ${stoodAt}, which is not "${stage.name}"`);
  const free = (): void => {
    devnet.faults.clear();
    ollama.resume();
  };
  if (chances.isFreedFirst) free();
  running = worker.start();
  if (chances.killedAgainMs !== null) {
    await pause(chances.killedAgainMs);
    await kill(running);
    running = worker.start();
  }
  // A node that hangs is no life to come back to; every other hold is.
  if (stage.name === "answer stored") free();
  await worker.until(({ mode }) => mode === "live", "live again");
  free();

  const pending = await submitting;
  const answer = await consumer.follow(pending);
  if (answer.verified !== "verified") wrong.push(`the answer is ${answer.verified}`);
  const ends = new Set(
    pending.inbox.frames
      .map((text) => parseRelayFrame(text))
      .flatMap((frame) => {
        const isEnd = frame.type === "complete" && frame.jobId === pending.jobId;
        return isEnd && frame.payload.length > 0 ? [Buffer.from(frame.payload).toString("hex")] : [];
      }),
  );
  if (ends.size > 1) wrong.push(`${ends.size} different ciphertexts were delivered`);
  await until(async () => {
    const now = await ground.now();
    return stateAfter(now, before.job) === "completed" && now.open.length === 0;
  });
  await consumer.closeSession(pending.session);

  const used = (await client.getTransactionCount({ address: worker.address })) - before.nonce;
  if (used !== transactionsPerJob) wrong.push(`${used} transactions instead of ${transactionsPerJob}`);
  const blobs = await blobsSince(ground, before.block);
  if (blobs !== 1) wrong.push(`${blobs} blobs instead of one`);
  return { round: { job: pending.jobId.toString(), stoodAt, wrong }, running };
}

async function kill(running: ChildProcess): Promise<void> {
  const ended = exitOf(running);
  running.kill("SIGKILL");
  await ended;
}

async function blobsSince({ client, worker }: Ground, block: bigint): Promise<number> {
  let blobs = 0;
  for (let number = block + 1n; number <= (await client.getBlockNumber()); number++) {
    const { transactions } = await client.getBlock({ blockNumber: number, includeTransactions: true });
    blobs += transactions.filter(
      ({ from, type }) => type === "eip4844" && from === worker.address.toLowerCase(),
    ).length;
  }
  return blobs;
}

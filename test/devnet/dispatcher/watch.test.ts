import { expect, test } from "vitest";
import type { JobEvent } from "../../../devnet/dispatcher/chain.js";
import { watchJobs } from "../../../devnet/dispatcher/watch.js";
import { createJobQueue } from "../../../devnet/gateway/job-queue.js";
import { parseJobMessage, type JobPayload } from "../../../protocol/job-stream.js";
import { jobId, sessionId } from "../../../schema/units.js";
import { consumer, HeldClock, stranger, worker } from "../gateway/parts.js";
import { fakeChain, model, submitted } from "./parts.js";

const session = sessionId(42n);
const job = jobId(9n);
const submission = (block: bigint, id = job): JobEvent => ({ name: "JobSubmitted", job: id, session, block });

function watching() {
  const clock = new HeldClock();
  const { state, view } = fakeChain();
  const jobs = createJobQueue({ now: () => clock.now(), onGivenUp: () => undefined });
  const heard: JobPayload[] = [];
  const send = (text: string): void => {
    const message = parseJobMessage(text);
    if (message.type === "job") heard.push(message.payload);
  };
  jobs.connect(worker.address, { slots: 9, send });
  const told: { session: bigint; text: string }[] = [];
  const notify = (to: bigint, text: string): void => void told.push({ session: to, text });
  const watch = watchJobs(view, { jobs, notify }, clock);
  const nextBlock = async (...events: JobEvent[]): Promise<void> => {
    state.head = { number: state.head.number + 1n, time: state.head.time + 1n };
    state.events.push(...events.map((event) => ({ ...event, block: state.head.number })));
    await watch.round();
  };
  return { state, jobs, heard, told, watch, nextBlock };
}

test("a submitted job goes to its worker with all that the chain says of it", async () => {
  const { heard, nextBlock, watch } = watching();
  await watch.round();
  await nextBlock(submission(0n));
  expect(heard).toEqual([
    {
      jobId: job,
      sessionId: session,
      consumer: consumer.address,
      worker: worker.address,
      modelId: model,
      promptBlobHash: submitted.promptBlobHash,
      blockNumber: 5n,
      timestamp: 1_000,
      correlationId: "42-9",
      priorJobIds: [7n],
    },
  ]);
});

test("a start gives out what was submitted before it and is still open, and tells no old news", async () => {
  const { state, heard, told, watch } = watching();
  state.jobs.set(jobId(8n), { ...submitted, state: "Completed" });
  state.events.push(submission(4n, jobId(8n)), submission(5n), { name: "SessionClosed", session, block: 6n });
  await watch.round();
  expect(heard.map(({ jobId: id }) => id)).toEqual([job]);
  expect(told).toEqual([]);
});

test("a node that fails costs nothing: the same blocks are read again, and each job is given out once", async () => {
  const { state, heard, nextBlock, watch } = watching();
  await watch.round();
  state.reachable = false;
  await expect(nextBlock(submission(0n))).rejects.toThrow("down");
  state.reachable = true;
  await watch.round();
  await watch.round();
  expect(heard).toHaveLength(1);
});

test("where workers claim sessions nothing is given out or told", async () => {
  const { state, heard, told, nextBlock, watch } = watching();
  await watch.round();
  state.sortition = true;
  await nextBlock(submission(0n), { name: "SessionClosed", session, block: 0n });
  expect([heard, told]).toEqual([[], []]);
});

test("a consumer hears that its worker failed, who comes next, and that its session is closed", async () => {
  const { state, jobs, told, nextBlock, watch } = watching();
  await watch.round();
  await nextBlock(submission(0n));
  state.session = { ...state.session!, status: "Reassigning" };
  await nextBlock({ name: "JobTimedOut", job, block: 0n });
  expect(jobs.standing(job)).toBeUndefined();
  await nextBlock({ name: "SessionReassigned", session, worker: stranger.address, block: 0n });
  await nextBlock({ name: "SessionClosed", session, block: 0n });
  const ts = Math.floor(new HeldClock().now() / 1000);
  expect(told.map(({ text }) => JSON.parse(text) as unknown)).toEqual([
    { type: "reassignment_required", sessionId: 42, reason: "job 9 timed out", ts },
    { type: "reassigned", sessionId: 42, newWorker: stranger.address, ts },
    { type: "closed", sessionId: 42, ts },
  ]);
  expect(told.every(({ session: to }) => to === session)).toBe(true);
});

import { beforeEach, describe, expect, test } from "vitest";
import {
  ACK_WITHIN_MS,
  createJobQueue,
  MOST_OFFERS,
  RETRY_AFTER_MS,
  type JobQueue,
} from "../../../devnet/gateway/job-queue.js";
import { parseJobMessage, type JobPayload } from "../../../protocol/job-stream.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { jobId, sessionId } from "../../../schema/units.js";
import { consumer, stranger, worker as account } from "./parts.js";

const worker = account.address;
const payload = (id: bigint, of = worker): JobPayload => ({
  jobId: jobId(id),
  sessionId: sessionId(42n),
  consumer: consumer.address,
  worker: of,
  modelId: modelIdOf("llama3-8b"),
  promptBlobHash: `0x01${"11".repeat(31)}`,
  blockNumber: 7n,
  timestamp: 1_767_225_600,
  correlationId: `42-${id}`,
  priorJobIds: null,
});
const one = jobId(1n);

let now: number;
let jobs: JobQueue;
let heard: bigint[];
let givenUp: bigint[];
beforeEach(() => {
  now = 1_000_000;
  heard = [];
  givenUp = [];
  jobs = createJobQueue({ now: () => now, onGivenUp: ({ jobId: id }) => givenUp.push(id) });
});
const connect = (slots = 2) =>
  jobs.connect(worker, {
    slots,
    send: (text) => {
      const message = parseJobMessage(text);
      if (message.type === "job") heard.push(message.jobId);
    },
  });
const pass = (ms: number) => {
  now += ms;
  jobs.pump();
};

describe("a job", () => {
  test("waits for its worker, and goes to nobody else", () => {
    jobs.add(payload(1n));
    jobs.connect(stranger.address, { slots: 2, send: () => heard.push(-1n) });
    expect(heard).toEqual([]);
    connect();
    expect(heard).toEqual([1n]);
    expect(jobs.standing(one)).toEqual({ standing: "offered", offers: 1, error: null });
  });

  test("that is acknowledged is not offered again while its worker stays", () => {
    connect();
    jobs.add(payload(1n));
    jobs.add(payload(1n));
    jobs.acked(worker, one);
    pass(600_000);
    expect(heard).toEqual([1n]);
    jobs.done(worker, one, null);
    expect(jobs.standing(one)).toMatchObject({ standing: "done" });
  });

  test("that is not acknowledged in time is offered again, as often as it may and no more", () => {
    connect();
    jobs.add(payload(1n));
    pass(ACK_WITHIN_MS - 1);
    expect(heard).toHaveLength(1);
    pass(1);
    expect(heard).toHaveLength(2);
    for (let round = 0; round < 10; round++) pass(ACK_WITHIN_MS);
    expect(heard).toHaveLength(MOST_OFFERS);
    expect(givenUp).toEqual([1n]);
    expect(jobs.standing(one)).toMatchObject({ standing: "given up" });
  });

  test("that is given back with an error is offered again after a pause", () => {
    connect();
    jobs.add(payload(1n));
    jobs.acked(worker, one);
    jobs.done(worker, one, "LF1473: no");
    expect(jobs.standing(one)).toEqual({ standing: "waiting", offers: 1, error: "LF1473: no" });
    pass(RETRY_AFTER_MS - 1);
    expect(heard).toHaveLength(1);
    pass(1);
    expect(heard).toHaveLength(2);
    jobs.done(worker, one, null);
    pass(60_000);
    expect(heard).toHaveLength(2);
    expect(givenUp).toEqual([]);
  });

  test("is offered again when the connection was lost, also after it was acknowledged, and not after it was done", () => {
    const leave = connect();
    jobs.add(payload(1n));
    jobs.add(payload(2n));
    for (const id of [1n, 2n]) jobs.acked(worker, jobId(id));
    jobs.done(worker, jobId(2n), null);
    leave();
    expect(jobs.free(worker)).toBeUndefined();
    pass(60_000);
    connect();
    expect(heard).toEqual([1n, 2n, 1n]);
  });

  test("survives a worker that connects anew before its old connection was missed", () => {
    const leaveOld = connect();
    jobs.add(payload(1n));
    jobs.acked(worker, one);
    connect();
    leaveOld();
    expect(jobs.free(worker)).toBe(1);
    expect(heard).toEqual([1n, 1n]);
  });

  test("that the chain has ended is forgotten", () => {
    connect();
    jobs.add(payload(1n));
    jobs.forget(one);
    pass(60_000);
    expect(heard).toEqual([1n]);
    expect(jobs.standing(one)).toBeUndefined();
  });

  test("of one worker is neither taken nor ended by another", () => {
    connect();
    jobs.add(payload(1n));
    jobs.acked(stranger.address, one);
    jobs.done(stranger.address, one, null);
    expect(jobs.standing(one)).toMatchObject({ standing: "offered" });
  });
});

test("a worker gets no more at a time than it said", () => {
  connect(2);
  for (const id of [1n, 2n, 3n]) jobs.add(payload(id));
  expect(heard).toEqual([1n, 2n]);
  expect(jobs.free(worker)).toBe(0);
  jobs.acked(worker, one);
  jobs.done(worker, one, null);
  expect(heard).toEqual([1n, 2n, 3n]);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExact, stringifyExact } from "../../protocol/exact-json.js";
import {
  type CompleteFrame,
  FrameError,
  type WorkerFrame,
  chunkKinds,
  correlationIdOf,
  encodeFrame,
  encodeResponseBody,
  parseRelayFrame,
  parseResponseBody,
  parseWorkerFrame,
} from "../../protocol/frames.js";
import { type Hex, jobId, sessionId } from "../../schema/units.js";
import { hex, vectors } from "./fixtures.js";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const common = {
  jobId: uint64.map(jobId),
  sessionId: uint64.map(sessionId),
  correlationId: fc.string(),
  ts: fc.integer({ min: 0 }),
  payload: fc.uint8Array({ maxLength: 100 }),
};
const seq = fc.integer({ min: 1 });
const signature = fc.uint8Array({ minLength: 65, maxLength: 65 }).map((bytes): Hex => `0x${hex(bytes)}`);
const chunk = fc.record({ ...common, type: fc.constant("chunk" as const), kind: fc.constantFrom(...chunkKinds), seq });
const metadata = fc.record({ ...common, type: fc.constant("metadata" as const) });
const complete = fc.record({ ...common, type: fc.constant("complete" as const), seq, signature });
const anyFrame: fc.Arbitrary<WorkerFrame> = fc.oneof(chunk, metadata, complete);

const answer: CompleteFrame = {
  type: "complete",
  jobId: jobId(2n ** 63n + 1n),
  sessionId: sessionId(2n ** 53n + 1n),
  seq: 3,
  payload: vectors.v3.envelope,
  signature: vectors.v8.signature,
  correlationId: "9007199254740993-9223372036854775809",
  ts: 1_767_225_600,
};
const wire = (changes: object = {}): string =>
  stringifyExact({ ...(parseExact(encodeFrame(answer)) as object), ...changes });

describe("a worker's frame", () => {
  test("is read as it was written, by gateway and consumer", () =>
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(parseWorkerFrame(encodeFrame(frame))).toEqual(frame);
        expect(parseRelayFrame(encodeFrame(frame))).toEqual(frame);
      }),
    ));
  test("has its ids as plain numbers with all their digits", () => {
    expect(encodeFrame(answer)).toContain('"jobId":9223372036854775809,"sessionId":9007199254740993,');
    expect(correlationIdOf(answer.sessionId, answer.jobId)).toBe(answer.correlationId);
  });
  test("has the counters of the reference", () => {
    const { seq, signature, ...rest } = answer;
    const counters = (frame: WorkerFrame) => {
      const { kind, seq, totalChunks, signature } = parseExact(encodeFrame(frame)) as Record<string, unknown>;
      return { kind, seq, totalChunks, signature };
    };
    expect(counters({ ...rest, type: "chunk", kind: "text", seq: 2 })).toEqual({
      kind: "text",
      seq: 2,
      totalChunks: 0,
      signature: "",
    });
    expect(counters({ ...rest, type: "metadata" })).toEqual({ seq: 0, totalChunks: 1, signature: "" });
    expect(counters(answer)).toEqual({ seq, totalChunks: seq, signature });
  });
  test("of kind text may leave the kind out", () => {
    expect(parseWorkerFrame(wire({ type: "chunk", signature: "" }))).toMatchObject({ type: "chunk", kind: "text" });
  });
  test.each<[what: string, text: string]>([
    ["no JSON", "{"],
    ["an array", "[]"],
    ["null", "null"],
    ["of type error", wire({ type: "error", payload: null })],
    ["of no type", wire({ type: undefined })],
    ["a job id in quotes", wire({ jobId: "1001" })],
    ["a negative job id", wire({ jobId: -1 })],
    ["a job id with a fraction", wire({ jobId: 1.5 })],
    ["a job id beyond 256 bits", wire({ jobId: 2n ** 256n })],
    ["no session id", wire({ sessionId: undefined })],
    ["a payload that is not base64", wire({ payload: "***" })],
    ["a payload in the URL alphabet", wire({ payload: "-_-_" })],
    ["no payload", wire({ payload: null })],
    ["an end without a signature", wire({ signature: "" })],
    ["a signature of 64 bytes", wire({ signature: vectors.v8.signature.slice(0, -2) })],
    ["a chunk that counts from 0", wire({ type: "chunk", seq: 0 })],
    ["a chunk of a kind to come", wire({ type: "chunk", kind: "video" })],
  ])("is not %s", (_, text) => {
    expect(() => parseWorkerFrame(text)).toThrow(FrameError);
  });
  test("by HTTP stands for the same complete frame", () =>
    fc.assert(
      fc.property(complete, (frame) => {
        const body = encodeResponseBody(frame);
        expect(Object.keys(parseExact(body) as object)).toEqual([
          "sessionId",
          "seq",
          "totalChunks",
          "payload",
          "signature",
          "correlationId",
        ]);
        expect(parseResponseBody(body, frame.jobId, frame.ts)).toEqual(frame);
      }),
    ));
  test("by HTTP must be complete", () => {
    expect(() => parseResponseBody("{}", answer.jobId, 0)).toThrow(FrameError);
  });
});

describe("a frame from the relay", () => {
  const { type, jobId: job, sessionId: session } = answer;
  test("may be an end without payload, signature or counters", () => {
    const bare = stringifyExact({ type, jobId: job, sessionId: session, payload: null, signature: "" });
    const end = { type, jobId: job, sessionId: session, seq: 0, payload: new Uint8Array(), signature: null };
    expect(parseRelayFrame(bare)).toEqual({ ...end, correlationId: "", ts: 0 });
  });
  test("may be an error or a gap", () => {
    const gap = { type: "error", code: "RATE_LIMITED", jobId: job, sessionId: session, droppedSeq: 4 };
    expect(parseRelayFrame(stringifyExact(gap))).toEqual({ ...gap, message: "" });
  });
  test.each(["reassignment_required", "reassigned", "closed"])("may be the notice %s", (type) => {
    const notice = { type, sessionId: session, newWorker: "0x01", ts: 1 };
    expect(parseRelayFrame(stringifyExact(notice))).toEqual({
      type,
      sessionId: session,
      reason: "",
      newWorker: "0x01",
    });
  });
  test("of a type or kind to come is unknown", () => {
    expect(parseRelayFrame('{"type":"party"}')).toEqual({ type: "unknown" });
    expect(parseRelayFrame(wire({ type: "chunk", kind: "video" }))).toEqual({ type: "unknown" });
  });
  test("that is none is refused", () => {
    expect(() => parseRelayFrame("[1]")).toThrow(FrameError);
    expect(() => parseRelayFrame("no")).toThrow(FrameError);
    expect(() => parseRelayFrame(wire({ jobId: "x" }))).toThrow(FrameError);
  });
});

describe("JSON with large integers", () => {
  test("keeps every digit, and writes them as numbers", () =>
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n }), (value) => {
        const text = stringifyExact({ deep: [{ value }] });
        expect(text).toBe(`{"deep":[{"value":${value.toString()}}]}`);
        const [read] = (parseExact(text) as { deep: [{ value: number | bigint }] }).deep;
        expect(BigInt(read.value)).toBe(value);
      }),
    ));
  test("leaves everything else as JSON.parse has it", () =>
    fc.assert(
      fc.property(fc.json(), (text) => {
        const safe = text.replace(/\d{16,}/g, "1");
        expect(parseExact(safe)).toEqual(JSON.parse(safe));
      }),
    ));
  test("leaves fractions and exponents alone", () => {
    expect(parseExact("[1.5,1e30,9007199254740993]")).toEqual([1.5, 1e30, 9007199254740993n]);
  });
});

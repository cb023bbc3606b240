import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeNotice, FrameError, parseRelayFrame } from "../../protocol/frames.js";
import {
  encodeJob,
  encodeJobReply,
  parseJobMessage,
  parseJobReply,
  type JobPayload,
  type JobStreamReply,
} from "../../protocol/job-stream.js";
import { modelIdOf } from "../../protocol/model-id.js";
import { jobId, sessionId } from "../../schema/units.js";

/** What the dispatcher sends, letter for letter (sidecar reference §3.8, §5.5). */
const wire =
  '{"type":"job","jobId":9007199254740993,"payload":{"jobId":9007199254740993,"sessionId":18446744073709551615,' +
  '"consumer":"0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC","worker":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",' +
  '"promptBlobHash":"0x01c4f28df965726fe6664242672ae68ef0c725525534919dc96268fab5d5437b","blockNumber":1042,' +
  '"timestamp":1767225600,"correlationId":"18446744073709551615-9007199254740993",' +
  '"modelId":"f4a414fa51803433e9197f32cda96d5cb2ac8269c481eb0262fe2dd11f428848","priorJobIds":[9007199254740991,9007199254740992]}}';
const payload: JobPayload = {
  jobId: jobId(9_007_199_254_740_993n),
  sessionId: sessionId(18_446_744_073_709_551_615n),
  consumer: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
  worker: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
  promptBlobHash: "0x01c4f28df965726fe6664242672ae68ef0c725525534919dc96268fab5d5437b",
  blockNumber: 1042n,
  timestamp: 1_767_225_600,
  correlationId: "18446744073709551615-9007199254740993",
  modelId: modelIdOf("llama3-8b"),
  priorJobIds: [jobId(9_007_199_254_740_991n), jobId(9_007_199_254_740_992n)],
};

describe("a job on the stream", () => {
  test("is written and read digit for digit, ids above 2^53 included", () => {
    expect(encodeJob(payload)).toBe(wire);
    expect(parseJobMessage(wire)).toEqual({ type: "job", jobId: payload.jobId, payload });
  });

  test.each<[what: string, damage: (text: string) => string, also: Partial<JobPayload>]>([
    ["without earlier jobs", (text) => text.replace(/,"priorJobIds":\[.*?\]/, ""), { priorJobIds: null }],
    ["with none", (text) => text.replace(/\[.*?\]/, "[]"), { priorJobIds: [] }],
    ["with null for them", (text) => text.replace(/\[.*?\]/, "null"), { priorJobIds: null }],
    ["with the model's id in the other spelling", (text) => text.replace('"f4a414', '"0xF4A414'), {}],
    ["with an address in lower case", (text) => text.replace("0x3C44CdDdB6a9", "0x3c44cdddb6a9"), {}],
    ["with fields that nobody knows", (text) => text.replace('"payload":{', '"more":[1],"payload":{"tier":"max",'), {}],
    ["without a correlation", (text) => text.replace(/"correlationId":"[^"]*",/, ""), { correlationId: "" }],
  ])("is read %s", (what, damage, also) => {
    const text = what.includes("lower case")
      ? wire.replace(payload.consumer, payload.consumer.toLowerCase())
      : damage(wire);
    expect(parseJobMessage(text)).toEqual({ type: "job", jobId: payload.jobId, payload: { ...payload, ...also } });
  });

  test.each<[what: string, text: string]>([
    ["that is cut off", wire.slice(0, -20)],
    ["of another job than its payload", wire.replace("9007199254740993", "9007199254740994")],
    ["with a fraction for its id", wire.replaceAll("9007199254740993,", "1.5,")],
    [
      "with an exponent for its id, which has lost its digits",
      wire.replaceAll("9007199254740993,", "9.007199254740993e15,"),
    ],
    ["with a negative id", wire.replaceAll("9007199254740993,", "-1,")],
    ["with its id as text", wire.replaceAll("9007199254740993,", '"9007199254740993",')],
    ["with an id of more than 256 bits", wire.replaceAll("9007199254740993,", `${2n ** 256n},`)],
    ["without a payload", '{"type":"job","jobId":1}'],
    ["without a session", wire.replace(/"sessionId":\d+,/, "")],
    ["with a worker that is no address", wire.replace("0xf39F", "0xf39")],
    ["with a wrong checksum", wire.replace("0xf39F", "0xF39F")],
    ["with a model that is no id", wire.replace("f4a414", "f4a41")],
    ["with a short hash", wire.replace("0x01c4", "0x01")],
    ["with earlier jobs that are none", wire.replace("[9007199254740991", "[null")],
    ["that is no JSON", "job 1"],
    ["that is no object", "[1]"],
  ])("%s is refused by name", (_, text) => expect(() => parseJobMessage(text)).toThrow(FrameError));

  test.each([['{"type":"drain"}'], ["{}"], ['{"type":7}']])("a message of another kind is passed over: %s", (text) =>
    expect(parseJobMessage(text)).toEqual({ type: "unknown" }),
  );
});

describe("what a worker says", () => {
  test.each<[JobStreamReply, string]>([
    [{ type: "ready", slots: 2 }, '{"type":"ready","slots":2}'],
    [{ type: "ack", jobId: payload.jobId }, '{"type":"ack","jobId":9007199254740993}'],
    [{ type: "done", jobId: payload.jobId, error: null }, '{"type":"done","jobId":9007199254740993}'],
    [
      { type: "done", jobId: payload.jobId, error: 'LF1471: "no"' },
      '{"type":"done","jobId":9007199254740993,"error":"LF1471: \\"no\\""}',
    ],
  ])("is written and read letter for letter: %o", (reply, text) => {
    expect(encodeJobReply(reply)).toBe(text);
    expect(parseJobReply(text)).toEqual(reply);
  });

  test("an empty error is none", () => {
    expect(parseJobReply('{"type":"done","jobId":1,"error":""}')).toEqual({ type: "done", jobId: 1n, error: null });
  });

  test.each([
    ['{"type":"ready"}'],
    ['{"type":"ready","slots":-1}'],
    ['{"type":"ack"}'],
    ['{"type":"ack","jobId":"1"}'],
    ['{"type":"done","jobId":1,"error":7}'],
    ["ready"],
  ])("is refused when it is damaged: %s", (text) => expect(() => parseJobReply(text)).toThrow(FrameError));

  test("other kinds are passed over", () => expect(parseJobReply('{"type":"pong"}')).toBeUndefined());
});

const id = fc.oneof(fc.bigInt(0n, 2n ** 256n - 1n), fc.bigInt(2n ** 53n - 2n, 2n ** 53n + 2n));
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((it) => Buffer.from(it).toString("hex"));
const payloads: fc.Arbitrary<JobPayload> = fc.record({
  jobId: id.map(jobId),
  sessionId: id.map(sessionId),
  consumer: fc.constant(payload.consumer),
  worker: fc.constant(payload.worker),
  promptBlobHash: hex(32).map((digits) => `0x${digits}` as const),
  blockNumber: id,
  timestamp: fc.nat(),
  correlationId: fc.string(),
  modelId: hex(32).map((digits) => `0x${digits}` as JobPayload["modelId"]),
  priorJobIds: fc.option(fc.array(id.map(jobId))),
});

test("every payload survives the way to the other side", () => {
  fc.assert(
    fc.property(payloads, (any) => {
      expect(parseJobMessage(encodeJob(any))).toEqual({ type: "job", jobId: any.jobId, payload: any });
    }),
  );
});

test("whatever comes in is a message or a FrameError, nothing else", () => {
  const mangled = fc.tuple(payloads, fc.nat(), fc.string({ maxLength: 3 })).map(([any, at, text]) => {
    const whole = encodeJob(any);
    const from = at % whole.length;
    return whole.slice(0, from) + text + whole.slice(from + 1);
  });
  fc.assert(
    fc.property(fc.oneof(mangled, fc.string(), fc.json()), (text) => {
      for (const parse of [parseJobMessage, parseJobReply])
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
    }),
  );
});

test("news of a session is written as consumers read it", () => {
  const notice = {
    type: "reassigned" as const,
    sessionId: payload.sessionId,
    reason: "",
    newWorker: payload.worker,
  };
  const text = encodeNotice(notice, 1_767_225_600);
  expect(text).toBe(
    `{"type":"reassigned","sessionId":18446744073709551615,"newWorker":"${payload.worker}","ts":1767225600}`,
  );
  expect(parseRelayFrame(text)).toMatchObject(notice);
});

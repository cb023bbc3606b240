import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AnswerMismatch, AnswerUnavailable, JobTimedOut } from "../../../devnet/consumer/errors.js";
import { followJob } from "../../../devnet/consumer/follow.js";
import { seal } from "../../../protocol/envelope.js";
import { utf8 } from "../../../protocol/go-text.js";
import {
  beaconWith,
  chunk,
  complete,
  completedJob,
  key,
  pendingWith,
  portsWith,
  steppedClock,
  stranger,
  submittedJob,
} from "./parts.js";

const ciphertext = seal(key, utf8("Rivers remember."));
const beaconHas = (payload: Uint8Array, fork?: "fulu") => {
  const app = beaconWith(payload, fork);
  vi.stubGlobal("fetch", async (url: string) => app.request(url));
};
beforeEach(() => beaconHas(ciphertext));
afterEach(() => vi.unstubAllGlobals());

describe("following a job", () => {
  test("passes on what is streamed while the job is open, and gives the verified answer when it is settled", async () => {
    let job = submittedJob();
    const { pending, inbox, state } = pendingWith([]);
    const end = await complete(ciphertext);
    const clock = steppedClock((now) => {
      if (now === 200) inbox.put(chunk(1, "Rivers "));
      if (now === 300) inbox.put(chunk(2, "remember."));
      if (now === 1000) inbox.put(end);
      if (now === 2000) job = completedJob(ciphertext);
    });
    const heard: string[] = [];
    const answer = await followJob(
      portsWith(() => job, { clock }),
      pending,
      { onDelta: (text) => heard.push(text) },
    );
    expect(answer).toMatchObject({ answer: "Rivers remember.", streamed: "Rivers remember.", verified: "verified" });
    expect(answer.timings).toMatchObject({ firstDelta: 200, end: 1000, settled: 2000 });
    expect(heard).toEqual(["Rivers ", "remember."]);
    expect(state.abandoned).toBe(1);
  });

  test("waits a little for the end on the relay when the chain was faster", async () => {
    const { pending, inbox } = pendingWith([]);
    const end = await complete(ciphertext);
    const clock = steppedClock((now) => {
      if (now === 1500) inbox.put(end);
    });
    const answer = await followJob(
      portsWith(() => completedJob(ciphertext), { clock }),
      pending,
    );
    expect(answer).toMatchObject({ verified: "verified", checks: { signature: "held" } });
  });

  test("takes the answer from the chain when the relay stays silent, and doesn't call it verified", async () => {
    const { pending } = pendingWith([chunk(1, "Riv")]);
    const answer = await followJob(
      portsWith(() => completedJob(ciphertext)),
      pending,
    );
    expect(answer).toMatchObject({ answer: "Rivers remember.", streamed: "Riv", verified: "unverified" });
    expect(answer.checks).toEqual({ commitment: "held", signature: "missing", availability: "held" });
  });

  test("takes the answer from the chain after Fulu too, where beacon nodes have another route for blobs", async () => {
    beaconHas(ciphertext, "fulu");
    const { pending } = pendingWith([]);
    const answer = await followJob(
      portsWith(() => completedJob(ciphertext)),
      pending,
    );
    expect(answer).toMatchObject({ answer: "Rivers remember.", checks: { availability: "held" } });
  });

  test("tells when the worker begins again", async () => {
    const { pending } = pendingWith([chunk(1, "Half"), chunk(1, "Whole"), await complete(ciphertext)]);
    const heard: string[] = [];
    await followJob(
      portsWith(() => completedJob(ciphertext)),
      pending,
      {
        onDelta: (text) => heard.push(text),
        onRestart: () => heard.push("again:"),
      },
    );
    expect(heard).toEqual(["Half", "again:", "Whole"]);
  });

  test("also takes an answer whose fee was paid out already", async () => {
    const { pending } = pendingWith([await complete(ciphertext)]);
    const answer = await followJob(
      portsWith(() => completedJob(ciphertext, { state: "Released" })),
      pending,
    );
    expect(answer.verified).toBe("verified");
  });

  test.each([
    ["the relay says other bytes than the chain", async () => [await complete(seal(key, utf8("Other.")))], ciphertext],
    ["somebody else signed", async () => [await complete(ciphertext, stranger)], ciphertext],
    ["the blob holds other bytes", async () => [await complete(ciphertext)], seal(key, utf8("Other."))],
    ["the blob alone is there and not what was committed to", async () => [], seal(key, utf8("Other."))],
  ])("fails when %s", async (_, frames, stored) => {
    beaconHas(stored);
    const { pending, state } = pendingWith(await frames());
    await expect(
      followJob(
        portsWith(() => completedJob(ciphertext)),
        pending,
      ),
    ).rejects.toThrow(AnswerMismatch);
    expect(state.abandoned).toBe(1);
  });

  test("fails when a settled answer is nowhere", async () => {
    vi.stubGlobal("fetch", async () => new Response(null, { status: 500 }));
    const { pending } = pendingWith([]);
    await expect(
      followJob(
        portsWith(() => completedJob(ciphertext)),
        pending,
      ),
    ).rejects.toThrow(AnswerUnavailable);
  });

  test("uses what the relay brought when the blob is nowhere, and doesn't call it verified", async () => {
    vi.stubGlobal("fetch", async () => new Response(null, { status: 500 }));
    const { pending } = pendingWith([await complete(ciphertext)]);
    const answer = await followJob(
      portsWith(() => completedJob(ciphertext)),
      pending,
    );
    expect(answer).toMatchObject({ verified: "unverified", checks: { availability: "missing", signature: "held" } });
  });

  test.each([
    [
      "the chain timed it out",
      () => submittedJob({ state: "TimedOut" }),
      1020n,
      /still TimedOut .* deadline has passed/,
    ],
    ["its deadline is past", () => submittedJob({ state: "Acknowledged" }), 1125n, /still Acknowledged/],
    ["patience is over", () => submittedJob(), 1124n, /still Submitted .* patience/],
  ])("gives up when %s, and says where the job stands", async (_, job, time, message) => {
    const { pending, state } = pendingWith([]);
    const following = followJob(portsWith(job, { time: () => time }), pending, { patienceMs: 5_000 });
    await expect(following).rejects.toThrow(JobTimedOut);
    await expect(following).rejects.toThrow(message);
    expect(state.abandoned).toBe(1);
  });
});

import { describe, expect, test } from "vitest";
import { allHeld, checkAnswer, failures, type Evidence } from "../../../devnet/consumer/verify.js";
import { jobId, sessionId } from "../../../schema/units.js";
import { completedJob, jobRegistry, stranger } from "./parts.js";

/** The sidecar reference's vectors V3 and V8: a ciphertext, and its signature by the first development account. */
const ciphertext = new Uint8Array(Buffer.from("0NHS09TV1tfY2drbGD1aLBWBLqngL93+yNhkaXE=", "base64"));
const signature =
  "0x3823eb7b62dad59f7cdfc64899e0212a40aaf7506183ab257e5ec05000aae5766dc3fc3b961eab869972acc2997230c687afb12a7b029461797d314c3233cb1801";
const job = completedJob(ciphertext, { sessionId: sessionId(42n) });
const genuine: Evidence = {
  chainId: 8200,
  jobRegistry,
  jobId: jobId(1001n),
  job,
  relayed: { ciphertext, signature },
  stored: ciphertext,
};
const other = ciphertext.map((byte, at) => (at === 20 ? byte ^ 1 : byte));

describe("an answer", () => {
  test("verifies when commitment, signature and blob agree", async () => {
    const checks = await checkAnswer(genuine);
    expect(checks).toEqual({ commitment: "held", signature: "held", availability: "held" });
    expect(allHeld(checks)).toBe(true);
    expect(failures(checks)).toEqual([]);
  });

  test.each<[string, Partial<Evidence>, object]>([
    [
      "other bytes on the relay",
      { relayed: { ciphertext: other, signature } },
      { commitment: "failed", signature: "failed", availability: "failed" },
    ],
    ["other bytes in the blob", { stored: other }, { availability: "failed", commitment: "held" }],
    ["another worker on the chain", { job: { ...job, worker: stranger.address } }, { signature: "failed" }],
    ["another chain", { chainId: 9200 }, { signature: "failed" }],
    ["another job", { jobId: jobId(1002n) }, { signature: "failed" }],
    ["a session that is not the job's", { job: { ...job, sessionId: sessionId(43n) } }, { signature: "failed" }],
    [
      "a signature that is none",
      { relayed: { ciphertext, signature: `0x${"00".repeat(65)}` } },
      { signature: "failed" },
    ],
    ["a job without commitment", { job: { ...job, responseCiphertextHash: null } }, { commitment: "failed" }],
  ])("fails with %s", async (_, change, expected) => {
    const checks = await checkAnswer({ ...genuine, ...change });
    expect(checks).toMatchObject(expected);
    expect(failures(checks)).not.toEqual([]);
  });

  test.each<[string, Partial<Evidence>, object]>([
    [
      "the relay brought nothing",
      { relayed: null },
      { commitment: "held", signature: "missing", availability: "held" },
    ],
    ["the frame was not signed", { relayed: { ciphertext, signature: null } }, { signature: "missing" }],
    ["the blob is not to be found", { stored: null }, { availability: "missing", signature: "held" }],
    ["there is nothing at all", { relayed: null, stored: null }, { commitment: "missing" }],
  ])("is neither verified nor wrong when %s", async (_, change, expected) => {
    const checks = await checkAnswer({ ...genuine, ...change });
    expect(checks).toMatchObject(expected);
    expect([allHeld(checks), failures(checks)]).toEqual([false, []]);
  });
});

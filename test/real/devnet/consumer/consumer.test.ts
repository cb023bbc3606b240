import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { jobRegistryAbi } from "../../../../abi/job-registry.js";
import { createConsumer, type Consumer } from "../../../../devnet/consumer/consumer.js";
import {
  AnswerMismatch,
  JobTimedOut,
  NoClaim,
  NoEvidence,
  TransactionFailed,
} from "../../../../devnet/consumer/errors.js";
import { loadKzg, type Kzg } from "../../../../system/kzg.js";
import type { ConsumerSession } from "../../../../devnet/consumer/open-session.js";
import { startDevnet, type Devnet } from "../../../../devnet/network.js";
import { packBlob, versionedHash } from "../../../../protocol/blob.js";
import { seal } from "../../../../protocol/envelope.js";
import { utf8 } from "../../../../protocol/go-text.js";
import { chainSeconds, type JobId } from "../../../../schema/units.js";
import { tool } from "../../toolchain.js";
import { startScriptedWorker } from "./scripted-worker.js";

const MODEL = "tiny-echo";
let dir: string;
let kzg: Kzg;
let devnet: Devnet;
let consumer: Consumer;
let worker: Awaited<ReturnType<typeof startScriptedWorker>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lightchain-consumer-"));
  const blocks = { blockIntervalMs: 200 };
  [kzg, devnet] = await Promise.all([loadKzg(), startDevnet({ dir, tools: { geth: await tool("geth") }, blocks })]);
  const account = privateKeyToAccount(devnet.accounts.consumers[0]!.privateKey);
  consumer = await createConsumer({ network: devnet.network, account, kzg });
  worker = await startScriptedWorker(devnet, kzg, MODEL);
});
afterAll(async () => {
  worker.stop();
  await devnet.stop();
  await rm(dir, { recursive: true });
});
afterEach(() => void devnet.faults.clear());

const openSession = async (): Promise<ConsumerSession> => {
  const [session] = await Promise.all([consumer.requestSession(MODEL), worker.claimNext()]);
  return session;
};
/** The whole of what a good worker does; `settled` is what it commits to. */
async function serve(job: JobId, answer: string, settled?: Uint8Array) {
  await worker.acknowledge(job);
  const { text, key, sessionId } = await worker.prompt(job);
  worker.stream(job, sessionId, key, answer.split(/(?<= )/));
  const ciphertext = seal(key, utf8(answer));
  await worker.end(job, sessionId, ciphertext, answer.split(" ").length + 1);
  await worker.settle(job, settled ?? ciphertext);
  return text;
}

describe("a consumer", () => {
  test("opens a session, asks, hears the answer as it is streamed and verifies it against the chain", async () => {
    const session = await openSession();
    expect(session.worker).toBe(worker.address);
    const pending = await consumer.submit(session, "What of the river?");
    const heard: string[] = [];
    const [answer, prompt] = await Promise.all([
      consumer.follow(pending, { onDelta: (text) => heard.push(text) }),
      serve(pending.jobId, "Rivers remember the heights they left."),
    ]);
    expect(prompt).toBe("What of the river?");
    expect(answer).toMatchObject({
      answer: "Rivers remember the heights they left.",
      streamed: "Rivers remember the heights they left.",
      verified: "verified",
    });
    expect(heard.length).toBeGreaterThan(3);
    await consumer.closeSession(session);
    expect(session.key.every((byte) => byte === 0)).toBe(true);
    await expect(consumer.submit(session, "And now?")).rejects.toThrow(/SessionNotActive/);
  });

  test("takes the answer from the chain when the relay says nothing", async () => {
    const session = await openSession();
    devnet.faults.add({ part: "relay", kind: "drop" });
    const pending = await consumer.submit(session, "Anybody there?");
    const [answer] = await Promise.all([consumer.follow(pending), serve(pending.jobId, "Quietly, yes.")]);
    expect(answer).toMatchObject({ answer: "Quietly, yes.", streamed: "", verified: "unverified" });
    expect(answer.checks).toEqual({ commitment: "held", signature: "missing", availability: "held" });
  });

  test("does not accept an answer that differs from the one that was settled", async () => {
    const session = await openSession();
    const pending = await consumer.submit(session, "What is two and two?");
    const outcome = consumer.follow(pending);
    const failing = expect(outcome).rejects.toThrow(AnswerMismatch);
    await serve(pending.jobId, "Four.", seal(session.key, utf8("Five.")));
    await failing;
    await expect(outcome).rejects.toThrow(/not those that the worker committed to/);
  });

  test("asks twice at a time without its transactions getting in each other's way", async () => {
    const session = await openSession();
    const [first, second] = await Promise.all([consumer.submit(session, "One?"), consumer.submit(session, "Two?")]);
    const answering = Promise.all([consumer.follow(first), consumer.follow(second)]);
    await serve(first.jobId, "One.");
    await serve(second.jobId, "Two.");
    expect((await answering).map(({ answer, verified }) => [answer, verified])).toEqual([
      ["One.", "verified"],
      ["Two.", "verified"],
    ]);
  });

  test("says which job was not answered, and gets its fee back", async () => {
    const session = await openSession();
    const pending = await consumer.submit(session, "Hello?");
    const failing = expect(consumer.follow(pending)).rejects.toThrow(JobTimedOut);
    await devnet.driver.advance(95);
    await failing;
    const client = createPublicClient({ transport: http(devnet.network.endpoints.rpc) });
    const before = await client.getBalance({ address: consumer.address });
    await consumer.claimTimeout(pending.jobId);
    expect(await client.getBalance({ address: consumer.address })).toBeGreaterThan(before);
    await expect(consumer.claimTimeout(pending.jobId)).rejects.toThrow(TransactionFailed);
  });

  test("shows the contract that a worker signed another answer than it settled, and gets its fee back; an honest answer is no evidence", async () => {
    const session = await openSession();
    const [honest, crooked] = [await consumer.submit(session, "One?"), await consumer.submit(session, "Two?")];
    const answering = Promise.allSettled([consumer.follow(honest), consumer.follow(crooked)]);
    await serve(honest.jobId, "One.");
    await serve(crooked.jobId, "Two.", seal(session.key, utf8("Three.")));
    expect((await answering).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);

    await expect(consumer.proveMismatch(honest)).rejects.toThrow(NoEvidence);
    await consumer.proveMismatch(crooked);
    const client = createPublicClient({ transport: http(devnet.network.endpoints.rpc) });
    const jobs = {
      address: devnet.network.contracts.jobRegistry!,
      abi: jobRegistryAbi,
      functionName: "getJob",
    } as const;
    const job = await client.readContract({ ...jobs, args: [crooked.jobId] });
    expect(job).toMatchObject({ state: 5, escrowedFee: 0n, disputeFiler: consumer.address });
    await expect(consumer.proveMismatch(crooked)).rejects.toThrow(TransactionFailed);
  });

  test("says when nobody claims its request", async () => {
    const failing = expect(consumer.requestSession(MODEL, { expiresIn: chainSeconds(20n) })).rejects.toThrow(NoClaim);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await devnet.driver.advance(30);
    await failing;
  });
});

test("the KZG library gives the commitment and proof of the reference", () => {
  const payload = Buffer.from("0NHS09TV1tfY2drbGD1aLBWBLqngL93+yNhkaXE=", "base64"); // sidecar reference, V3 and V7
  const blob = packBlob(payload);
  const commitment = kzg.commitment(blob);
  expect(versionedHash(commitment)).toBe("0x01c4f28df965726fe6664242672ae68ef0c725525534919dc96268fab5d5437b");
  expect(Buffer.from(kzg.proof(blob, commitment)).toString("hex")).toBe(
    "8fb9c3d6dda639424095c47b14c94ef7de0d2ded1c6204bed4e18015ff3d679c108229c9c7586cbc18cf3306e55117f2",
  );
});

import { toFunctionSelector, type Hash, type Hex } from "viem";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import type { PendingJob } from "../../../devnet/consumer/follow.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import type { SidecarStatus } from "../../../schema/control.js";
import { parseRelayFrame } from "../../../protocol/frames.js";
import { ciphertextHash } from "../../../protocol/signature.js";
import { until } from "../devnet/chain/harness.js";
import { model, prepareGround, type Ground } from "./kills/ground.js";

/** What a live worker makes of a chain that takes back what it had mined, while it works on a job. */
let ground: Ground;
let session: ConsumerSession;
beforeAll(async () => {
  ground = await prepareGround({ blocks: { finalityDepth: 24 }, contracts: { claimWindowBlocks: 1 } });
  session = await ground.consumer.requestSession(model);
});
afterEach(() => {
  ground.devnet.faults.clear();
  ground.devnet.driver.release();
  ground.ollama.resume();
});
afterAll(() => ground.stop());

const selectors = {
  acknowledge: toFunctionSelector("acknowledgeJob(uint256)"),
  complete: toFunctionSelector("completeJob(uint256,bytes32,bytes32)"),
};
const withhold = (match: { selector?: Hex; type?: "blob" }): number =>
  ground.devnet.faults.add({
    part: "chain",
    kind: "withhold",
    match: { from: ground.worker.address.toLowerCase() as Hex, ...match },
  });
type Kind = "acknowledge" | "answer" | "complete";
const sentFor = async (kind: Kind, { jobId }: PendingJob) => {
  const { transactions } = await ground.worker.call({ op: "status" });
  return transactions.filter(({ purpose }) => purpose.includes(`/${kind}/`) && purpose.endsWith(`/${jobId}`));
};
/** The block in which the worker's step for a job is mined, as its journal knows. */
const minedIn = async (kind: Kind, pending: PendingJob): Promise<bigint> => {
  let block: bigint | null = null;
  await until(async () => {
    block = (await sentFor(kind, pending)).find(({ outcome }) => outcome === "mined")?.block ?? null;
    return block !== null;
  });
  return block!;
};
const isInPool = async (kind: Kind, pending: PendingJob): Promise<boolean> => {
  for (const { hash } of await sentFor(kind, pending)) {
    const known = await ground.client.getTransaction({ hash }).catch(() => undefined);
    if (known?.blockHash === null) return true;
  }
  return false;
};
const stateOf = async ({ jobId }: PendingJob): Promise<string | undefined> =>
  (await ground.worker.call({ op: "status" })).jobs.find(({ id }) => id === jobId)?.state;
/** Replaces everything from this block on. Blocks are held from here on. */
async function undoFrom(block: bigint): Promise<void> {
  const { driver } = ground.devnet;
  await driver.hold();
  await driver.reorganise(driver.head().number - Number(block) + 1);
}

/** What has to be true of a job in the end, whatever the chain did: one answer, settled once, its blob where consumers look for it. */
async function isSettledOnce(pending: PendingJob): Promise<void> {
  const answer = await ground.consumer.follow(pending).catch(async (error: unknown) => {
    throw new Error(`${String(error)}\n${await ground.worker.log()}`);
  });
  expect(answer).toMatchObject({ verified: "verified" });
  await until(async () => (await stateOf(pending)) === "completed");
  await until(async () => (await ground.now()).open.length === 0);
  const { jobRegistry } = ground.devnet.network.contracts;
  const events = await ground.client.getContractEvents({
    address: jobRegistry!,
    abi: jobRegistryAbi,
    eventName: "JobCompleted",
    args: { jobId: pending.jobId },
    fromBlock: 0n,
    strict: true,
  });
  expect(events).toHaveLength(1);
  const delivered = new Set(
    pending.inbox.frames
      .map((text) => parseRelayFrame(text))
      .flatMap((frame): Hash[] =>
        frame.type === "complete" && frame.jobId === pending.jobId && frame.payload.length > 0
          ? [ciphertextHash(frame.payload)]
          : [],
      ),
  );
  expect([...delivered]).toEqual([events[0]!.args.responseCiphertextHash]);
  const [blob] = (await sentFor("answer", pending)).filter(({ outcome }) => outcome === "mined");
  expect(blob!.block!).toBeLessThan(events[0]!.blockNumber);
}

test("an acknowledgement that is taken back, with the submission or without, is mined again; the job is completed once", async () => {
  for (const alsoTheJob of [false, true]) {
    ground.ollama.pauseAfter(3);
    const pending = await ground.consumer.submit(session, "Tell me about the stars.");
    await ground.ollama.paused();
    const block = await minedIn("acknowledge", pending);
    const submitted = await ground.client.getTransactionReceipt({ hash: pending.transactions.submit });
    const fault = withhold({ selector: selectors.acknowledge });
    await undoFrom(alsoTheJob ? submitted.blockNumber : block);
    await until(() => isInPool("acknowledge", pending));
    ground.ollama.resume(); // the answer is there before the acknowledgement is
    await until(async () => (await stateOf(pending)) === "answered");
    ground.devnet.faults.remove(fault);
    ground.devnet.driver.release();
    await isSettledOnce(pending);
  }
});

test("a blob that is taken back while its completion waits is mined again, and before the completion", async () => {
  const fault = withhold({ selector: selectors.complete });
  const pending = await ground.consumer.submit(session, "Tell me about the river, please.");
  const block = await minedIn("answer", pending);
  await until(() => isInPool("complete", pending));
  await undoFrom(block);
  ground.devnet.faults.remove(fault);
  ground.devnet.driver.release();
  await isSettledOnce(pending);
});

test("a completion that is taken back is mined again, and is the same", async () => {
  const pending = await ground.consumer.submit(session, "And the mountain?");
  const block = await minedIn("complete", pending);
  const [before] = await sentFor("complete", pending);
  const fault = withhold({ selector: selectors.complete });
  await undoFrom(block);
  await until(async () => (await sentFor("complete", pending)).some(({ outcome }) => outcome === "open"));
  ground.devnet.faults.remove(fault);
  ground.devnet.driver.release();
  await isSettledOnce(pending);
  const mined = (await sentFor("complete", pending)).filter(({ outcome }) => outcome === "mined");
  expect(mined.map(({ hash }) => hash)).toEqual([before!.hash]);
});

test("acknowledgement, blob and completion that are taken back together are all mined again, in their order", async () => {
  const pending = await ground.consumer.submit(session, "Tell me about the stars once more.");
  const block = await minedIn("acknowledge", pending);
  await minedIn("complete", pending);
  await undoFrom(block);
  ground.devnet.driver.release();
  await isSettledOnce(pending);
});

test("a job that is taken back and stays away for a while stops nothing else, and is completed when it is there again", async () => {
  ground.ollama.pauseAfter(3);
  const pending = await ground.consumer.submit(session, "Are you still there?");
  await ground.ollama.paused();
  await minedIn("acknowledge", pending);
  const { submit } = pending.transactions;
  const { blockNumber } = await ground.client.getTransactionReceipt({ hash: submit });
  const fault = ground.devnet.faults.add({ part: "chain", kind: "withhold", match: { hash: submit } });
  await undoFrom(blockNumber);
  ground.devnet.driver.release();
  const { number } = ground.devnet.driver.head();
  const without = ({ block, trouble, jobs }: SidecarStatus): boolean =>
    block !== null && block.number > number + 2 && trouble === null && jobs.some(({ id }) => id === pending.jobId);
  await ground.worker.until(without, "looks at the chain without the job", 30_000);
  ground.ollama.resume();
  ground.devnet.faults.remove(fault);
  const isBack = () => ground.client.getTransactionReceipt({ hash: submit }).then(Boolean, () => false);
  await until(isBack);
  await isSettledOnce(pending);
});

import { createPublicClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import { createDisputer } from "../../../devnet/consumer/disputer.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import { createOwner, type Owner } from "../../../devnet/contracts/owner.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import type { SidecarStatus } from "../../../schema/control.js";
import { wei, type JobId } from "../../../schema/units.js";
import { loadKzg } from "../../../system/kzg.js";
import { compileForTests } from "../devnet/contracts/network.js";
import { model, prepareGround, type Ground } from "./kills/ground.js";

/*
 * One live worker on a network whose owner changes the rules: what it shows, what it does, and what it does once the change is undone. docs/sidecar.md has the
 * table. In the end it leaves, with jobs that are disputed.
 */
let ground: Ground;
let owner: Owner;
let session: ConsumerSession;
const id = modelIdOf(model);
const answered: JobId[] = [];
beforeAll(async () => {
  ground = await prepareGround({ contracts: { claimWindowBlocks: 1 } });
  const { network, accounts } = ground.devnet;
  const key = accounts.owner.privateKey;
  owner = createOwner({ rpcUrl: network.endpoints.rpc, key, compiled: compileForTests });
  session = await ground.consumer.requestSession(model);
});
afterAll(() => ground.stop());

const shows = (wanted: (status: SidecarStatus) => boolean, what: string) => ground.worker.until(wanted, what, 60_000);
const claims = () => shows(({ claiming, trouble }) => claiming && trouble === null, "claims again, without trouble");
const claimsNothing = (code: string | null) =>
  shows(({ claiming, trouble }) => !claiming && (trouble?.code ?? null) === code, `claims nothing: ${code}`);
/** A job of the session that was open before the change is answered. */
async function answers(): Promise<void> {
  const answer = await ground.consumer.ask(session, "Tell me about the stars.");
  expect(answer).toMatchObject({ verified: "verified" });
  answered.push(answer.jobId);
}
/** Another session comes to the worker, and is closed again. */
async function getsASession(): Promise<void> {
  const another = await ground.consumer.requestSession(model);
  expect(another.worker).toBe(ground.worker.address);
  await ground.consumer.closeSession(another);
}
const jobOf = (job: JobId) => {
  const { endpoints, contracts } = ground.devnet.network;
  const client = createPublicClient({ transport: http(endpoints.rpc) });
  return client.readContract({
    address: contracts.jobRegistry!,
    abi: jobRegistryAbi,
    functionName: "getJob",
    args: [job],
  });
};

test("paused contracts: nothing is claimed and the status says why; a job that runs is completed after the pause", async () => {
  ground.ollama.pauseAfter(3);
  const pending = await ground.consumer.submit(session, "Tell me about the river, please.");
  await ground.ollama.paused();
  await shows(({ jobs }) => jobs.some((job) => job.id === pending.jobId && job.state === "acked"), "acknowledged");
  await owner.call("jobRegistry", "pause", []);
  const paused = await claimsNothing("LF1462");
  expect(paused.trouble!.summary).toContain("JobRegistry is paused");
  expect(paused).toMatchObject({ mode: "live", blockers: [] });
  ground.ollama.resume();
  await shows(
    ({ jobs }) => jobs.some((job) => job.id === pending.jobId && job.state === "completing"),
    "can't complete",
  );
  await owner.call("workerRegistry", "pause", []);
  await owner.call("jobRegistry", "unpause", []);
  await claimsNothing("LF1462");
  await owner.call("workerRegistry", "unpause", []);
  expect(await ground.consumer.follow(pending)).toMatchObject({ verified: "verified" });
  answered.push(pending.jobId);
  await claims();
});

test("sortition switched off: nothing is claimed, open sessions and those that the dispatcher gives are served; switched on, claims go on", async () => {
  await owner.call("aiConfig", "setSortitionEnabled", [false]);
  await claimsNothing(null);
  await answers();
  await getsASession();
  await owner.call("aiConfig", "setSortitionEnabled", [true]);
  await claims();
  await getsASession();
});

test("a minimum stake above what the operator allows: said as a blocker, while the chain's own set of workers still decides", async () => {
  await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5001")]);
  const { claiming, mode } = await shows(({ blockers }) => blockers[0]?.code === "LF1206", "stake above policy");
  expect({ claiming, mode }).toEqual({ claiming: true, mode: "live" });
  await getsASession();
  await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5000")]);
  await shows(({ blockers }) => blockers.length === 0, "nothing in the way");
});

test("a minimum stake within what the operator allows: topped up, and not taken back when it falls", async () => {
  const stake = { kind: "minimum", max: wei(parseEther("5050")) } as const;
  const serving = { generation: 1, models: [id], stake, gasReserve: wei(parseEther("5")) };
  await ground.worker.call({ op: "live", serving });
  await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5040")]);
  await shows((status) => status.stake === parseEther("5040"), "topped up");
  await owner.call("aiConfig", "setMinWorkerStake", [parseEther("5000")]);
  await answers();
  expect(await claims()).toMatchObject({ stake: parseEther("5040") });
});

test("a shorter time to acknowledge, another fee: the next job has both", async () => {
  const fee = parseEther("0.03");
  await owner.call("aiConfig", "setAckTimeout", [20n]);
  await owner.call("aiConfig", "setModelFee", [id, fee]);
  await answers();
  const job = await jobOf(answered.at(-1)!);
  expect(job).toMatchObject({ escrowedFee: fee });
  await owner.call("aiConfig", "setAckTimeout", [90n]);
});

test("times too short to acknowledge, or to complete after a model has answered: nothing is claimed and the status says why", async () => {
  await owner.call("aiConfig", "setAckTimeout", [10n]);
  expect((await claimsNothing("LF1462")).trouble!.summary).toContain("10 s");
  await owner.call("aiConfig", "setAckTimeout", [90n]);
  await claims();
  await owner.call("aiConfig", "setCompletionTimeout", [30n]);
  expect((await claimsNothing("LF1462")).trouble!.summary).toContain("30 s");
  await owner.call("aiConfig", "setCompletionTimeout", [120n]);
  await claims();
  await getsASession();
});

test("a model that is disabled and taken off the list: whoever serves it goes on", async () => {
  await owner.call("aiConfig", "disableModel", [id]);
  await owner.call("workerRegistry", "removeWhitelistedModel", [id]);
  await answers();
  expect(await claims()).toMatchObject({ mode: "live", blockers: [] });
  await owner.call("workerRegistry", "addWhitelistedModel", [id]);
  await owner.call("aiConfig", "enableModel", [id]);
});

test("an older JobRegistry, whose jobs have 17 words: jobs are answered, with all of their history, and sessions claimed", async () => {
  await owner.upgrade("jobRegistry", "older");
  await ground.devnet.driver.mine(101); // blobs are looked for in a hundred blocks, and these jobs do not tell theirs
  await answers();
  await getsASession();
  await owner.upgrade("jobRegistry", "present");
  await answers();
});

test("an older AIConfig, without sortition's getters: in doubt nothing is claimed; open sessions are served", async () => {
  await owner.upgrade("aiConfig", "older");
  await claimsNothing(null);
  await answers();
  await owner.upgrade("aiConfig", "present");
  await claims();
  await getsASession();
});

test("disputed jobs keep the worker from leaving until each is ruled on; then everything that is its own comes back", async () => {
  const { devnet, worker, consumer, client } = ground;
  const { network, accounts } = devnet;
  const treasury = accounts.treasury.address;
  const account = privateKeyToAccount(accounts.disputer.privateKey);
  const disputer = await createDisputer({ network, account, kzg: await loadKzg() });
  const before = await client.getBalance({ address: treasury });
  const fees = await Promise.all(answered.map(async (job) => (await jobOf(job)).escrowedFee));

  await worker.call({ op: "leave", generation: 1 });
  await consumer.closeSession(session);
  const [guilty, acquitted, unruled] = answered.slice(-3) as [JobId, JobId, JobId];
  for (const job of [guilty, acquitted, unruled]) await consumer.disputeJob(job);
  await shows(({ jobs }) => jobs.filter(({ state }) => state === "disputed").length === 3, "three disputed jobs");

  await devnet.driver.advance(25 * 3_600); // all dispute windows pass, and the time to rule
  const waiting = await shows(({ jobs }) => jobs.length === 3, "everything else released");
  expect(waiting).toMatchObject({ mode: "leaving", registered: true });
  expect(waiting.next).toContain(`job ${guilty} is disputed`);
  await disputer.rule(guilty, { guilty: true });
  await disputer.rule(acquitted, { guilty: false });
  expect((await shows(({ jobs }) => jobs.length === 1, "two of three ruled on")).registered).toBe(true);
  await consumer.claimTimeout(unruled);
  const gone = await shows(({ mode }) => mode === "gone", "gone");

  const lost = new Set([guilty, unruled]);
  const earned = answered.reduce((sum, job, at) => (lost.has(job) ? sum : sum + (fees[at]! * 8_000n) / 10_000n), 0n);
  const slashed = (2n * parseEther("5000") * 1_500n) / 10_000n;
  const gas = gone.transactions.reduce((sum, { fee }) => sum + (fee ?? 0n), 0n);
  const back = (await client.getBalance({ address: treasury })) - before;
  expect(back).toBe(parseEther("5100") + earned - slashed - gas);
  expect(await client.getBalance({ address: worker.address })).toBe(0n);
});

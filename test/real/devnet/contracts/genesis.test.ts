import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeFunctionData, pad, zeroAddress } from "viem";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { aiConfigAbi } from "../../../../abi/ai-config.js";
import { compileContracts } from "../../../../devnet/contracts/compile.js";
import { addresses } from "../../../../devnet/contracts/addresses.js";
import { genesisAlloc } from "../../../../devnet/contracts/genesis.js";
import { initializeCalls } from "../../../../devnet/contracts/initialize.js";
import { chainSeconds, type Hex } from "../../../../schema/units.js";
import { usual } from "./life.js";
import { compileForTests, lcai, startTestNetwork, type TestNetwork, who } from "./network.js";

const implementationSlot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
const proxies = [
  ["workerRegistry", addresses.workerRegistry],
  ["aiConfig", addresses.aiConfig],
  ["jobRegistry", addresses.jobRegistry],
  ["sessionManager", addresses.sessionManager],
  ["reputationRegistry", addresses.reputationRegistry],
] as const;

let network: TestNetwork;
let start: Hex;
beforeAll(async () => {
  network = await startTestNetwork({
    sortition: false,
    claimWindowBlocks: 5,
    maxConcurrentJobs: 6,
    minWorkerStake: lcai("7"),
    ackTimeout: chainSeconds(30n),
    completionTimeout: chainSeconds(40n),
    disputeWindow: chainSeconds(600_000n),
    resolutionTimeout: chainSeconds(700_000n),
    blobRetentionPeriod: chainSeconds(1_300_000n),
    disputeBondMultiplierBps: 2_500,
    sessionInactivityTimeout: chainSeconds(0n),
    maxReassignments: 9,
    slashBps: { ack: 6_000, completion: 7_000, dispute: 8_000 },
    suspensionThreshold: 4,
    suspensionCooldown: chainSeconds(50n),
    feeBps: { worker: 7_000, protocol: 2_000, feePool: 1_000 },
    bountyBps: { timeout: 1, release: 2 },
    capabilities: ["self-contained", "search"],
  });
});
afterAll(() => network.stop());
beforeEach(async () => {
  start = await network.snapshot();
});
afterEach(() => network.revertTo(start));

test("every setting reaches the getter it is for", async () => {
  const config = (name: string) => network.read("aiConfig", name as "getAckTimeout", []);
  const expected = {
    getSortitionEnabled: false,
    getClaimWindowBlocks: 5n,
    getMaxConcurrentJobs: 6n,
    getMinWorkerStake: lcai("7"),
    getAckTimeout: 30n,
    getCompletionTimeout: 40n,
    getDisputeWindow: 600_000n,
    getResolutionTimeout: 700_000n,
    getBlobRetentionPeriod: 1_300_000n,
    getDisputeBondMultiplier: 2_500n,
    getSessionInactivityTimeout: 0n,
    getMaxReassignments: 9n,
    getTimeoutSlashBps: 6_000n,
    getCompletionTimeoutSlashBps: 7_000n,
    getDisputeSlashBps: 8_000n,
    getMaxSlashBps: 8_000n,
    getSuspensionThreshold: 4n,
    getSuspensionCooldown: 50n,
    getWorkerFeeBps: 7_000n,
    getProtocolFeeBps: 2_000n,
    getFeePoolBps: 1_000n,
    getTimeoutBountyBps: 1n,
    getReleaseBountyBps: 2n,
    getDispatcherAddress: who.dispatcher,
    getDisputerAddress: who.disputer,
    getSessionManagerAddress: addresses.sessionManager,
  };
  const found = await Promise.all(Object.keys(expected).map(async (name) => [name, await config(name)]));
  expect(Object.fromEntries(found)).toEqual(expected);
});

test("models are registered and whitelisted, and capabilities have the bits of their order", async () => {
  expect(await network.read("aiConfig", "isModelEnabled", [usual])).toBe(true);
  expect(await network.read("aiConfig", "calculateJobFee", [usual])).toBe(lcai("0.02"));
  expect(await network.read("aiConfig", "getModelFee", [usual])).toBe(lcai("0.02"));
  expect(await network.read("aiConfig", "getModelMaxOutputTokens", [usual])).toBe(2_048n);
  expect(await network.read("workerRegistry", "isModelWhitelisted", [usual])).toBe(true);
  expect(await network.read("workerRegistry", "getCapabilityCount", [])).toBe(2);
  expect(await network.read("workerRegistry", "getCapabilityMask", ["self-contained"])).toBe(1n);
  expect(await network.read("workerRegistry", "getCapabilityMask", ["search"])).toBe(2n);
  expect(await network.read("workerRegistry", "getCapabilityMask", ["unheard of"])).toBe(0n);
  expect(await network.read("workerRegistry", "getCapabilityName", [1])).toBe("search");
});

test("all contracts belong to the owner, and their treasury and guardian are those of the settings", async () => {
  for (const [part] of proxies) expect(await network.read(part, "owner", [])).toBe(who.owner);
  expect(await network.read("workerRegistry", "getTreasury", [])).toBe(who.treasury);
  expect(await network.read("workerRegistry", "guardian", [])).toBe(who.guardian);
  expect(await network.read("jobRegistry", "guardian", [])).toBe(who.guardian);
});

test.each(proxies)("%s is an ERC-1967 proxy whose implementation knows its own address", async (part, proxy) => {
  const implementation: Hex = pad(`0x${(await network.storage(proxy, implementationSlot)).toString(16)}`, { size: 20 });
  const uuid = encodeFunctionData({ abi: aiConfigAbi, functionName: "proxiableUUID" });
  const { data } = await network.client.call({ to: implementation, data: uuid });
  expect(data).toBe(implementationSlot);
  await network.expectRefused(network.view(part, "proxiableUUID", []), "UUPSUnauthorizedCallContext", []);
  expect(await network.read(part, "UPGRADE_INTERFACE_VERSION", [])).toBe("5.0.0");
});

test("nobody can take over an implementation", async () => {
  const implementation: Hex = "0x0000000000000000000000000000000000003001";
  expect(await network.storage(addresses.aiConfig, implementationSlot)).toBe(BigInt(implementation));
  const takeOver = network.call(who.rival, "aiConfig", "initialize", [who.rival, who.rival, who.rival]);
  await network.expectRefused({ ...takeOver, to: implementation }, "InvalidInitialization", []);
});

test("the owner, and nobody else, upgrades a contract, and its state stays", async () => {
  const bytecode = network.compiled.AIConfig.bytecode;
  const hash = await network.client.sendTransaction({ account: who.owner, data: bytecode, chain: null });
  await network.mine(1);
  const { contractAddress } = await network.client.getTransactionReceipt({ hash });
  const upgrade = (from: typeof who.owner) =>
    network.call(from, "aiConfig", "upgradeToAndCall", [contractAddress ?? zeroAddress, "0x"]);
  await network.expectRefused(upgrade(who.rival), "OwnableUnauthorizedAccount", [who.rival]);
  await network.sendCall(upgrade(who.owner));
  expect(await network.storage(addresses.aiConfig, implementationSlot)).toBe(BigInt(contractAddress ?? 0));
  expect(await network.read("aiConfig", "getAckTimeout", [])).toBe(30n);

  const toNothing = network.call(who.owner, "aiConfig", "upgradeToAndCall", [who.rival, "0x"]);
  expect(await network.refusal(toNothing)).toBeDefined();
});

test("the genesis funds who is named, the owner by default, and leaves the fee pool a plain account", async () => {
  const { alloc } = genesisAlloc(await compileForTests(), { owner: who.owner, funded: { [who.user]: lcai("3") } });
  expect(alloc[who.owner]).toEqual({ balance: "0xd3c21bcecceda1000000" });
  expect(alloc[who.user]).toEqual({ balance: "0x29a2241af62c0000" });
  expect(alloc[addresses.feePool]).toEqual({ balance: "0x0" });
  expect(Object.values(alloc).filter(({ code }) => code !== undefined)).toHaveLength(10);
});

test("a set-up without settings initialises all five and needs only the owner", () => {
  const calls = initializeCalls(addresses, { owner: who.owner });
  expect(new Set(calls.map(({ to }) => to))).toEqual(new Set(proxies.map(([, address]) => address)));
});

test("contracts are compiled once, also when two ask at the same time", async () => {
  const cacheFolder = await mkdtemp(join(tmpdir(), "lf-contracts-"));
  try {
    const [one, two] = await Promise.all([compileContracts({ cacheFolder }), compileContracts({ cacheFolder })]);
    expect(one).toEqual(two);
    expect((await readdir(cacheFolder)).filter((file) => file.endsWith(".json"))).toHaveLength(1);
    const started = performance.now();
    expect(await compileContracts({ cacheFolder })).toEqual(one);
    expect(performance.now() - started, "the third reads a file").toBeLessThan(1_500);
  } finally {
    await rm(cacheFolder, { recursive: true, force: true });
  }
});

import { build } from "esbuild";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex, type Hex } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { openStore } from "../../../keystore/open-store.js";
import { passphraseFrom } from "../../../keystore/passphrase.js";
import type { RecordRef, SecretStore, StoredTx, TreasuryRecord } from "../../../keystore/store.js";
import { importTreasury } from "../../../keystore/treasury.js";
import { nodeOf } from "../../../lifecycle/node.js";
import { purposeId } from "../../../lifecycle/purpose.js";
import { openStoredSender, type StoredSender, type StoredSenderOptions } from "../../../lifecycle/stored-sender.js";
import type { Call } from "../../../lifecycle/types.js";
import { wei, type Address } from "../../../schema/units.js";
import { systemClock } from "../../../system/clock.js";
import { packageRoot } from "../../../system/package-root.js";
import { runProcess, startProcess } from "../../../system/process.js";
import { gwei, startTestChain, until, type TestChain } from "../devnet/chain/harness.js";

/* Payments on geth, with its real pools: lost answers, withheld transactions, killed processes. */

const chainId = 48_221;
const ref: RecordRef = `treasury/${chainId}/main`;
const worker: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const key: Hex = generatePrivateKey();
const account = privateKeyToAccount(key);

let chain: TestChain;
let folder: string;
let payer: string;
let env: Record<string, string>;
let store: SecretStore;
let payments = 0;
beforeAll(async () => {
  chain = await startTestChain({
    blockIntervalMs: 400,
    alloc: async () => ({ [account.address]: { balance: toHex(10n ** 21n) } }),
  });
  folder = await mkdtemp(join(tmpdir(), "lf-lifecycle-"));
  payer = join(folder, "payer.cjs");
  await build({
    entryPoints: [join(packageRoot(), "test", "real", "lifecycle", "payer.ts")],
    outfile: payer,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  const passphrase = join(folder, "passphrase");
  await writeFile(passphrase, "correct horse\n", { mode: 0o600 });
  env = { LIGHTCHAIN_PASSPHRASE_FILE: passphrase };
  store = openStore(`file:${join(folder, "keys")}`, { passphrase: passphraseFrom(env), clock: systemClock });
  await store.create(ref, importTreasury({ chainId, name: "main" }, Buffer.from(key)));
});
afterEach(async () => {
  chain.faults.clear();
  await until(async () => (await chain.pending()) === 0);
  expect(chain.errors).toEqual([]);
});
afterAll(async () => {
  await chain.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A payment to an account of its own, so that what it received tells how often it was paid. */
function newPayment(): Call & { data: "0x" } {
  payments++;
  const purpose = purposeId({ chainId, worker, kind: "fund", generation: 1, detail: `${payments}` });
  const to = privateKeyToAccount(generatePrivateKey()).address;
  return { purpose, to, data: "0x", value: wei(gwei(1)) };
}
const senderWith = (different: Partial<StoredSenderOptions> = {}): Promise<StoredSender> =>
  openStoredSender({ store, ref, chainId, node: nodeOf(chain.client), clock: systemClock, pollMs: 50, ...different });
const received = ({ to }: Call): Promise<bigint> => chain.client.getBalance({ address: to });
const attemptsOf = async ({ purpose }: Call) =>
  (await store.read(ref, "treasury")).record.sent.filter((tx) => tx.purpose === purpose);
const command = ({ purpose, to, value }: Call): string[] => [
  payer,
  store.url,
  `${chainId}`,
  chain.rpcUrl,
  purpose,
  to,
  value.toString(),
];
const withhold = () =>
  chain.faults.add({ part: "chain", kind: "withhold", match: { from: account.address.toLowerCase() as Hex } });

test("a payment arrives once, whatever number of processes make it at once", async () => {
  const payment = newPayment();
  const results = await Promise.all(
    Array.from({ length: 3 }, () => runProcess(process.execPath, command(payment), { env })),
  );
  expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(results.map(() => [0, ""]));
  expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
  expect([await received(payment), (await attemptsOf(payment)).length]).toEqual([payment.value, 1]);
});

test("a payment arrives once, whenever its process is killed and run again", async () => {
  const payment = newPayment();
  const rule = withhold();
  for (const afterMs of [300, 450, 550, 650, 800, 1_000, 1_300]) {
    const child = startProcess(process.execPath, command(payment), { env });
    await systemClock.sleep(afterMs);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  chain.faults.remove(rule);
  const last = await runProcess(process.execPath, command(payment), { env });
  expect([last.code, last.stderr]).toEqual([0, ""]);
  const attempts = await attemptsOf(payment);
  expect([await received(payment), attempts.length, attempts[0]?.hash]).toEqual([payment.value, 1, last.stdout.trim()]);
});

test("an answer that never came is not a second payment", async () => {
  const payment = newPayment();
  chain.faults.add({ part: "rpc", kind: "drop", match: { method: "eth_sendRawTransaction" }, times: 2 });
  await (await senderWith()).send(payment);
  expect([await received(payment), (await attemptsOf(payment)).length]).toEqual([payment.value, 1]);
});

test("a payment that hangs is given up for now, and followed by the next run with the same bytes", async () => {
  const payment = newPayment();
  const rule = withhold();
  await expect((await senderWith({ timeoutMs: 500 })).send(payment)).rejects.toMatchObject({ code: "LF1231" });
  const [sent] = await attemptsOf(payment);
  chain.faults.remove(rule);
  expect((await (await senderWith()).send(payment)).hash).toBe(sent?.hash);
});

test("what somebody else left hanging at the next nonce is replaced, at the price that takes", async () => {
  const payment = newPayment();
  const rule = withhold();
  const hanging = await chain.sendPlain(account, { gasPrice: gwei(20) });
  await until(async () => (await chain.pending()) === 1);
  const sender = await senderWith({ nonceFrom: "latest", timeoutMs: 1_000 });
  await expect(sender.send(payment)).rejects.toMatchObject({ code: "LF1231" });
  const attempts = await attemptsOf(payment);
  expect(new Set(attempts.map(({ nonce }) => nonce)).size).toBe(1);
  chain.faults.remove(rule);
  const mined = await sender.send(payment);
  expect([await received(payment), mined.hash]).toEqual([payment.value, attempts.at(-1)?.hash]);
  await expect(chain.client.getTransaction({ hash: hanging })).rejects.toThrow();
  expect((await attemptsOf(payment)).map(({ outcome }) => outcome)).toEqual([
    ...attempts.slice(1).map(() => "dead"),
    "mined",
  ]);
});

test("a blob that somebody else left hanging at the next nonce is replaced by a dearer one, and the payment made", async () => {
  const payment = newPayment();
  const rule = withhold();
  const hanging = await chain.sendBlob(account, { maxFeePerBlobGas: gwei(2) });
  const { nonce } = await chain.client.getTransaction({ hash: hanging });
  await until(async () => (await chain.pending()) === 1);
  chain.faults.add({ part: "chain", kind: "withhold", match: { hash: hanging } });
  chain.faults.remove(rule);
  const { status } = await (await senderWith({ nonceFrom: "latest" })).send(payment);
  expect([status, await received(payment)]).toEqual(["success", payment.value]);
  await expect(chain.client.getTransaction({ hash: hanging })).rejects.toThrow();
  const bids = (await store.read(ref, "treasury")).record.sent.filter((tx) => tx.lane === "blob" && tx.nonce === nonce);
  expect(bids.map(({ outcome }) => outcome)).toEqual(["dead", "dead", "mined"]);
  expect(Math.max(...bids.map(({ raw }) => raw.length))).toBeLessThan(1_000); // without the quarter megabyte of zeros
});

test("a key with a blob in the pool says why it cannot pay now, and pays when that is mined", async () => {
  const payment = newPayment();
  const rule = withhold();
  await chain.sendBlob(account);
  await until(async () => (await chain.pending()) === 1);
  const refused = (await senderWith()).send(payment);
  await expect(refused).rejects.toMatchObject({
    code: "LF1230",
    reason: expect.stringContaining("reserved") as string,
  });
  chain.faults.remove(rule);
  await until(async () => (await chain.pending()) === 0);
  await (await senderWith()).send(payment);
  expect(await received(payment)).toBe(payment.value);
});

test("a sweep leaves exactly nothing", async () => {
  const own = generatePrivateKey();
  const { address } = privateKeyToAccount(own);
  await (await senderWith()).send({ ...newPayment(), to: address, value: wei(gwei(1_000_000)) });
  await store.create(`treasury/${chainId}/swept`, importTreasury({ chainId, name: "swept" }, Buffer.from(own)));
  const sender = await senderWith({ ref: `treasury/${chainId}/swept` });
  const sweep = newPayment();
  const { fee } = await sender.send({
    ...sweep,
    purpose: purposeId({ chainId, worker: address, kind: "sweep", generation: 1 }),
    sweep: true,
  });
  expect([await chain.client.getBalance({ address }), (await received(sweep)) + fee]).toEqual([0n, gwei(1_000_000)]);
});

test("a treasury that has paid often keeps what is final and a day old as a sum, and goes on counting", async () => {
  const own: RecordRef = `treasury/${chainId}/often`;
  const many = generatePrivateKey();
  const payer = privateKeyToAccount(many);
  await (await senderWith()).send({ ...newPayment(), to: payer.address, value: wei(gwei(1_000_000_000)) });
  const numbered = (n: number): Call => ({
    ...newPayment(),
    purpose: purposeId({ chainId, worker, kind: "fund", generation: 1, detail: `${n}` }),
  });
  // All at once, as a record has them that was written by and by.
  const sent = await Promise.all(
    Array.from({ length: 61 }, async (_, nonce): Promise<StoredTx> => {
      const { purpose, to, value } = numbered(nonce + 1);
      const raw = await payer.signTransaction({
        ...{ type: "legacy", chainId, nonce, to, value, gas: 21_000n, gasPrice: gwei(2) },
      });
      const hash = await chain.client.sendRawTransaction({ serializedTransaction: raw });
      const { blockNumber } = await chain.receipt(hash);
      const mined = { block: blockNumber, fee: 21_000n * gwei(2) };
      return { ...{ purpose, from: payer.address, nonce, hash, raw }, lane: "plain", outcome: "mined", mined };
    }),
  );
  await store.create(own, { ...importTreasury({ chainId, name: "often" }, Buffer.from(many)), sent });
  const pay = async (n: number): Promise<TreasuryRecord> => {
    await (await senderWith({ ref: own })).sendDecided(async () => numbered(n));
    return (await store.read(own, "treasury")).record;
  };
  expect((await pay(62)).sent).toHaveLength(62); // of today
  await chain.driver.advance(86_400);
  const { address } = payer;
  await until(async () => (await chain.client.getTransactionCount({ address, blockTag: "finalized" })) === 62);
  const { sent: listed, former } = await pay(63);
  expect(listed.map(({ purpose }) => purpose)).toEqual([numbered(63).purpose]);
  expect(former).toEqual([{ worker, generation: 1, last: 62, amount: 62n * gwei(1) }]);
  await expect((await senderWith({ ref: own })).send(numbered(7))).rejects.toMatchObject({ code: "LF1235" });
});

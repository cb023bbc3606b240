import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serializeTransaction } from "viem";
import { describe, expect, onTestFinished, test } from "vitest";
import { sealBackup } from "../../../keystore/backup.js";
import { newRecoveryKey } from "../../../keystore/recovery-key.js";
import type { SecretRecord, WorkerRecord } from "../../../keystore/store.js";
import { plan } from "../../../lifecycle/plan.js";
import type { Observed } from "../../../lifecycle/types.js";
import { mayWait, sweptBy, teller } from "../../../scripts/ops/recover/command.js";
import { NotYet, StillHeld } from "../../../scripts/ops/recover/errors.js";
import { openPlace } from "../../../scripts/ops/recover/place.js";
import { renderRecovery } from "../../../scripts/ops/recover/quote.js";
import { maxGasPriceOf, recoverFrom, sameAgain, type RecoverOptions } from "../../../scripts/ops/recover/request.js";
import { devTreasury, livedWorker, newWorker } from "../../keystore/fixtures.js";
import {
  completed,
  gone,
  hours,
  job,
  lcai,
  now,
  refundTo,
  session,
  worker,
  workerWith,
} from "../../lifecycle/situations.js";

const options = (different: Partial<RecoverOptions> = {}): RecoverOptions => ({ network: "testnet", ...different });
const fromBackup = { backup: "home.backup", with: "/media/usb/recovery.key" };

describe("what is recovered from", () => {
  test.each<[string, Partial<RecoverOptions>, unknown]>([
    ["a backup and its key", fromBackup, { kind: "backup", ...fromBackup, store: undefined }],
    [
      "a backup, into a store",
      { ...fromBackup, store: "file:/k" },
      { kind: "backup", ...fromBackup, store: "file:/k" },
    ],
    [
      "a store's record",
      { store: "file:/k", ref: "worker/8200/home" },
      { kind: "store", store: "file:/k", ref: "worker/8200/home" },
    ],
  ])("%s", (_, given, meant) => expect(recoverFrom(options(given))).toEqual(meant));

  test.each<[string, Partial<RecoverOptions>]>([
    ["nothing", {}],
    ["a backup without its key", { backup: "home.backup" }],
    ["a store without a record", { store: "file:/k" }],
    ["a record without a store", { ref: "worker/8200/home" }],
    ["both", { ...fromBackup, store: "file:/k", ref: "worker/8200/home" }],
    ["a treasury", { store: "file:/k", ref: "treasury/8200/main" }],
    ["no record's name", { store: "file:/k", ref: "home" }],
  ])("not %s", (_, given) =>
    expect(() => recoverFrom(options(given))).toThrow(expect.objectContaining({ code: "LF1620" }) as Error),
  );
});

describe("the most that is paid for a unit of gas", () => {
  test.each([
    [undefined, undefined],
    ["250", 250_000_000_000n],
    ["0.5", 500_000_000n],
  ])("is %s gwei: %s wei", (maxGasPrice, wei) => {
    expect(maxGasPriceOf(maxGasPrice === undefined ? {} : { maxGasPrice })).toBe(wei);
  });

  test.each(["", "0", "-1", "1e3", "ten", "1,5"])('is not "%s"', (maxGasPrice) => {
    expect(() => maxGasPriceOf({ maxGasPrice })).toThrow(expect.objectContaining({ code: "LF1620" }) as Error);
  });
});

test("the command that goes on is the same once more, without what is only needed once", () => {
  expect(
    sameAgain(
      options({
        ...fromBackup,
        holderGone: "gpu-1#3",
        yes: true,
        rpc: "https://node.example/key?a=b",
        maxGasPrice: "250",
      }),
    ),
  ).toBe(
    "npx fleet recover --backup home.backup --with /media/usb/recovery.key --network testnet --rpc 'https://node.example/key?a=b' --max-gas-price 250",
  );
  expect(sameAgain(options({ store: "file:/home/an operator's/keys", ref: "worker/8200/home" }))).toBe(
    `npx fleet recover --store 'file:/home/an operator'\\''s/keys' --ref worker/8200/home --network testnet`,
  );
});

test("another signer that may live is told with the danger, and with the word that ends it", () => {
  const { message } = new StillHeld(livedWorker(), sameAgain(options(fromBackup)));
  expect(message).toContain("Two signers with one key");
  expect(message).toMatch(/npx fleet recover .* --holder-gone gpu-1#3$/);
});

describe("a wait", () => {
  const at: Pick<Observed, "at"> = { at: workerWith().at };
  const time = (seconds: bigint) =>
    ({ until: { kind: "time", time: hours(0) + seconds } }) as Parameters<ReturnType<typeof mayWait>>[0];
  test.each([
    ["a minute", time(60n), true],
    ["more than a minute", time(61n), false],
    ["a transaction", { until: { kind: "transaction", hash: "0x" } } as const, true],
    ["money", { until: { kind: "change", of: "funds" } } as const, false],
  ])("for %s is stayed for without --wait: %s", (_, wait, stays) => {
    expect(mayWait(false)(wait, at)).toBe(stays);
    expect(mayWait(true)(wait, at)).toBe(true);
  });

  test("that is too long is told with its time, its reason, and the command", () => {
    const observed = workerWith({ jobs: [completed(4, 3)], server: "gone" });
    const [wait] = plan(gone, observed).steps;
    if (wait?.do !== "wait") throw new Error("no wait");
    const { message } = new NotYet("home", wait.until, wait.because, sameAgain(options(fromBackup)));
    expect(message).toContain(`before ${new Date((Number(now) + 3 * 3600) * 1000).toISOString().replace(".000", "")}`);
    expect(message).toContain("job 4 can be disputed");
    expect(message).toContain("npx fleet recover --backup home.backup");
  });

  test("is told once, however often the chain is looked at", () => {
    const lines: string[] = [];
    const tell = teller((line) => lines.push(line));
    const observed = workerWith({ jobs: [completed(4, 3)] });
    const [step] = plan(gone, observed).steps;
    if (step?.do !== "wait") throw new Error("no wait");
    for (let look = 0; look < 3; look++) tell({ kind: "waiting", step, observed });
    expect(lines.length).toBe(1);
  });
});

const lookedOut = (observed: Observed, record: Partial<WorkerRecord> = {}) => ({
  record: { ...livedWorker(), address: worker, refundTo, ...record },
  observed: { ...observed, server: "gone" as const },
  plan: plan(gone, { ...observed, server: "gone" }),
});

describe("the quote", () => {
  test("of a worker with a job in its dispute window, one that is lost, and open sessions", () =>
    expect(
      renderRecovery(
        lookedOut(
          workerWith({
            jobs: [completed(1, 3), job(2, { state: "Acknowledged" }), job(3, { state: "Disputed" }), completed(4, -1)],
            sessions: [session(1, "open"), session(2, "dead"), session(3, "open")],
          }),
        ),
        "backup",
      ),
    ).toMatchSnapshot());

  test("of one that has left already, with money under its key", () =>
    expect(
      renderRecovery(lookedOut(workerWith({ sessions: [session(1, "open")] }, null), { holder: null }), "backup"),
    ).toMatchSnapshot());

  test.each<["backup" | "store", string | null, boolean]>([
    ["backup", null, true],
    ["backup", "gpu-1", false],
    ["store", null, false],
  ])("from a %s that names %s as the holder warns of a sidecar that nobody knows of: %s", (source, holder, warns) =>
    expect(renderRecovery(lookedOut(workerWith(), { holder }), source).includes("names no host")).toBe(warns),
  );
});

test("what was swept is read from the signed bytes of what was mined", () => {
  const raw = serializeTransaction({ type: "legacy", chainId: 8200, to: refundTo, value: lcai("2") });
  const [tx] = livedWorker().sent;
  const of = (kind: string, outcome: "mined" | "dead", generation = 2) => ({
    ...tx!,
    purpose: `8200/${worker.toLowerCase()}/${kind}/g${generation}/1`,
    raw,
    outcome,
  });
  const sent = [of("withdraw", "mined"), of("sweep", "dead"), of("sweep", "mined"), of("sweep", "mined", 1)];
  expect(sweptBy({ sent, generation: 2 })).toBe(lcai("2"));
});

describe("the place that a backup is restored to", () => {
  async function empty(record: SecretRecord = livedWorker()) {
    const folder = await mkdtemp(join(tmpdir(), "lf-recover-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { publicKey, secretKey } = newRecoveryKey();
    const files = { backup: join(folder, "home.backup"), with: join(folder, "recovery.key") };
    await writeFile(files.backup, `${sealBackup(record, publicKey)}\n`);
    await writeFile(files.with, `${Buffer.from(secretKey).toString("hex")}\n`);
    const own = join(folder, "lightchain-recovery");
    return { from: { kind: "backup", ...files, store: undefined } as const, own, record, folder };
  }

  test("is made, sealed with a passphrase that is made too", async () => {
    const { from, own, record } = await empty();
    const { store, ref } = await openPlace(from, {}, own);
    expect((await store.read(ref, "worker")).record).toEqual(record);
    expect((await stat(join(own, "passphrase"))).mode & 0o777).toBe(0o600);
  });

  test("is found by the next run with all that was written in it since", async () => {
    const { from, own, record } = await empty();
    const { store, ref } = await openPlace(from, {}, own);
    await store.update(ref, 1, { ...(record as WorkerRecord), holder: null, epoch: 9 });
    const again = await openPlace(from, {}, own);
    expect((await again.store.read(ref, "worker")).record).toMatchObject({ holder: null, epoch: 9 });
    expect(again.how).toContain("going on");
  });

  test("takes the operator's passphrase where one is set, and the store that is named", async () => {
    const { from, own, folder } = await empty();
    const passphrase = { LIGHTCHAIN_PASSPHRASE: "mine" };
    const { store, ref } = await openPlace({ ...from, store: `file:${folder}/other` }, passphrase, own);
    expect(store.url).toBe(`file:${folder}/other`);
    await expect(stat(own)).rejects.toThrow("ENOENT");
    await openPlace(from, passphrase, own);
    await expect(readFile(join(own, "passphrase"))).rejects.toThrow("ENOENT");
    expect(await store.has(ref)).toBe(true);
  });

  test("that holds another worker of that name is refused", async () => {
    const { from, folder, own } = await empty();
    const passphrase = { LIGHTCHAIN_PASSPHRASE: "mine" };
    const named = { ...from, store: `file:${folder}/other` };
    const { store } = await openPlace({ kind: "store", store: named.store, ref: "worker/8200/home" }, passphrase, own);
    await store.create("worker/8200/home", newWorker());
    await expect(openPlace(named, passphrase, own)).rejects.toMatchObject({ code: "LF1101" });
  });

  test.each<[string, SecretRecord | undefined, { backup?: string; with?: string }, string]>([
    ["a treasury's backup", devTreasury(), {}, "LF1620"],
    ["a file that is not there", undefined, { backup: "/nowhere/home.backup" }, "LF1624"],
    ["a key file that holds none", undefined, { with: "/dev/null" }, "LF1114"],
  ])("is not made from %s", async (_, record, files, code) => {
    const { from, own } = await empty(record);
    await expect(openPlace({ ...from, ...files }, {}, own)).rejects.toMatchObject({ code });
    await expect(stat(own)).rejects.toThrow("ENOENT");
  });
});

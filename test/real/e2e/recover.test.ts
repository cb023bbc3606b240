import { once } from "node:events";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createWalletClient, http, keccak256, type Hash, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { runningIn } from "../../../devnet/background.js";
import { newRecoveryKey } from "../../../keystore/recovery-key.js";
import type { SecretNeedle } from "../../../keystore/secret-scan.js";
import type { RecordRef } from "../../../keystore/store.js";
import { needlesFor, scanForSecrets } from "../../../scripts/rehearsal/scan.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { selectors } from "../../../scripts/rehearsal/selectors.js";
import type { Address } from "../../../schema/units.js";
import { systemClock } from "../../../system/clock.js";
import { compiled } from "../../../system/package-root.js";
import { runProcess, startProcess, type ProcessResult } from "../../../system/process.js";
import { blockUnder } from "../../docs/documents.js";
import { constantBlob, constantBlobKzg } from "../devnet/chain/constant-blobs.js";
import { consumerOf, openRehearsal, processesIn, type Rehearsal } from "./rehearsal.js";
import { isRegistered } from "./registered.js";

/* Everything is lost but the backup and its key; and a node that is dead when the stack is destroyed. */

let rehearsal: Rehearsal;
let control: string;
/** What the operator keeps offline, and an empty machine to go on with. */
let kept: { backup: string; key: string; publicKey: string; machine: string };
beforeAll(async () => {
  rehearsal = await openRehearsal();
  control = (await runningIn(rehearsal.folders.network))!.control;
  const machine = join(rehearsal.folders.root, "empty-machine");
  await mkdir(machine);
  const { publicKey, secretKey } = newRecoveryKey();
  const key = join(machine, "recovery.key");
  await writeFile(key, `${Buffer.from(secretKey).toString("hex")}\n`);
  kept = { backup: join(machine, "home.backup"), key, publicKey: Buffer.from(publicKey).toString("hex"), machine };
}, 600_000);
afterAll(() => rehearsal.end());

const stageFor = (worker: string): Promise<Stage> =>
  prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, () => undefined, {
    worker,
    recoveryKey: kept.publicKey,
    exitMaxWaitMs: 20_000,
    tuning: { services: { lifecycleProbeMs: 500 } },
  });

async function fault(rule: unknown): Promise<() => Promise<void>> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${control}/fault`, { method: "POST", headers, body: JSON.stringify(rule) });
  const { id } = z.object({ id: z.number() }).parse(await answer.json());
  return async () => {
    await fetch(`${control}/fault/${id}`, { method: "DELETE" });
  };
}

/** The words of a line in docs/recovery.md, with this test's own network and files. */
const documented = (line: string, also: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({ testnet: rehearsal.network.networkFile, ...also })
    .reduce(
      (text, [name, value]) => text.replaceAll(name, value),
      line.replace(/^npx fleet /, "").replace(/^npm run recover --/, "recover"),
    )
    .split(" ");
const lost = "The machine with the keys is lost";
const [firstLine = ""] = blockUnder(lost, "docs/recovery.md");
const [goneLine = ""] = blockUnder(lost, "docs/recovery.md", "--holder-gone");

/** `fleet` as it is typed on a machine on which nothing is set. */
const fleet = (args: readonly string[], env: Record<string, string> = {}): Promise<ProcessResult> =>
  runProcess(process.execPath, [compiled("scripts/fleet.js"), ...args], { cwd: kept.machine, env });
const pulumi = (stage: Stage, args: readonly string[], env: Record<string, string> = {}): Promise<ProcessResult> =>
  runProcess("pulumi", [...args, "--stack", "devnet", "--non-interactive"], {
    cwd: rehearsal.folders.project,
    env: { ...stage.environment, ...env },
  });
const recordOf = async (stage: Stage, name: string) => {
  const ref: RecordRef = `worker/${stage.network.chainId}/${name}`;
  return (await stage.operator.store.read(ref, "worker")).record;
};
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await holds()); await systemClock.sleep(50))
    if (Date.now() > end) throw new Error("it did not happen within 60 s");
}

/** Everything that an account sent and that was mined: what it called, and what its gas cost. */
async function sentBy({ client }: Stage, account: Address): Promise<{ calls: string[]; gas: bigint }> {
  const calls: string[] = [];
  let gas = 0n;
  const head = await client.getBlockNumber();
  for (let blockNumber = 1n; blockNumber <= head; blockNumber += 1n) {
    const { transactions } = await client.getBlock({ blockNumber, includeTransactions: true });
    for (const tx of transactions.filter(({ from }) => from.toLowerCase() === account.toLowerCase())) {
      const receipt = await client.getTransactionReceipt({ hash: tx.hash });
      gas += receipt.gasUsed * receipt.effectiveGasPrice + (receipt.blobGasUsed ?? 0n) * (receipt.blobGasPrice ?? 0n);
      calls.push(
        tx.type === "eip4844" ? "blob" : tx.input === "0x" ? "sweep" : (selectors.get(tx.input.slice(0, 10)) ?? "?"),
      );
    }
  }
  return { calls, gas };
}

/** What the worker received from its treasury and earned, less all its gas. */
const expectedBack = async (stage: Stage, worker: Address, earned: bigint): Promise<bigint> =>
  5_050n * 10n ** 18n + earned - (await sentBy(stage, worker)).gas;

describe("of a lost machine, with nothing but the backup and its key", () => {
  let stage: Stage;
  let worker: Address;
  let hanging: Hash;
  let needles: readonly SecretNeedle[];
  let letGo: () => Promise<void>;
  const refundTo = () => stage.client.getBalance({ address: stage.operator.refundTo });
  const recover = (...more: readonly string[]): Promise<ProcessResult> => fleet([...documented(goneLine), ...more]);

  test("a backup that up kept beside the keys is proven before the loss", async () => {
    stage = await stageFor("home");
    await stage.engine.run("up");
    worker = outputsSchema.parse(await stage.engine.outputs()).worker;
    const consumer = await consumerOf(stage.network, stage.accountsFile);
    const session = await consumer.requestSession(stage.model);
    expect((await consumer.ask(session, "Tell me about the sea.")).verified).toBe("verified");

    const { backup } = z.looseObject({ backup: z.string() }).parse(await stage.engine.outputs());
    await copyFile(backup, kept.backup);
    const [line = ""] = blockUnder("Before anything is lost", "docs/recovery.md", "verify-backup");
    const store = { "file:/home/me/.lightchain/keys": stage.operator.store.url };
    const proven = await fleet(documented(line, store), {
      LIGHTCHAIN_PASSPHRASE_FILE: rehearsal.folders.passphrase,
    });
    expect(proven).toMatchObject({ code: 0 });
    expect(proven.stdout).toContain("host home-host, epoch 1");
    expect(proven.stdout).toMatch(/registered\s+│ in block \d+/);
  });

  test("the machine dies, with a transaction hanging in the mempool", async () => {
    const { signingKey } = await recordOf(stage, "home");
    needles = await needlesFor(stage.operator.store, [stage.workerRef]);
    for (const pid of await processesIn(rehearsal.folders.host)) process.kill(pid, "SIGKILL");
    const key: Hex = `0x${Buffer.from(signingKey).toString("hex")}`;
    const raw = await privateKeyToAccount(key).signTransaction({
      chainId: stage.network.chainId,
      nonce: await stage.client.getTransactionCount({ address: worker }),
      to: worker,
      gas: 21_000n,
      gasPrice: 3n * 10n ** 9n,
      value: 1n,
    });
    hanging = keccak256(raw);
    await fault({ part: "chain", kind: "withhold", match: { hash: hanging } });
    await stage.client.sendRawTransaction({ serializedTransaction: raw });
    const { host, keys, passphrase, state, stackConfig } = rehearsal.folders;
    for (const path of [host, keys, passphrase, state, stackConfig]) await rm(path, { recursive: true });
  });

  test("recover shows what is there, and refuses while the former holder may live", async () => {
    const refused = await fleet([...documented(firstLine), "--yes"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/returns\s+│ 50\d\d\.\d+ LCAI/);
    expect(refused.stderr).toContain("1 session(s) are open");
    expect(refused.stderr).toMatch(/LF1621: .*host home-host \(epoch 1\).*--holder-gone home-host#1/);
  });

  test("with nobody to ask, nothing is changed without --yes", async () => {
    const asked = await recover();
    expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining("LF1605")]);
  });

  test("it says until when the job's dispute window keeps the worker, and the command to come back with", async () => {
    const early = await recover("--yes");
    expect(early.code).toBe(1);
    expect(early.stderr).toMatch(/LF1622: .*cannot leave before 20\d\d-\d\d-\d\dT[\d:]+Z .*can be disputed/);
    expect(early.stderr).toContain("npx fleet recover --backup home.backup --with recovery.key");
    expect(await isRegistered(stage, worker)).toBe(true);
  });

  test("killed in the middle and run again, it leaves once and sweeps once, and what hung is replaced", async () => {
    await rehearsal.network.advance(86_400 + 60);
    letGo = await fault({ part: "chain", kind: "withhold", match: { from: worker.toLowerCase() } });
    const child = startProcess(process.execPath, [compiled("scripts/fleet.js"), ...documented(goneLine), "--yes"], {
      cwd: kept.machine,
      env: {},
    });
    const isKnown = (hash: Hash): Promise<boolean> =>
      stage.client.getTransaction({ hash }).then(
        () => true,
        () => false,
      );
    await until(async () => !(await isKnown(hanging)));
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await letGo();

    const last = await recover("--yes");
    expect([last.code, last.stderr]).toEqual([0, expect.stringContaining("has left the network")]);
    const { calls } = await sentBy(stage, worker);
    expect(calls.slice(calls.indexOf("releaseJobs"))).toEqual(["releaseJobs", "withdraw", "deregisterWorker", "sweep"]);
    expect(await isKnown(hanging)).toBe(false);
  }, 120_000);

  test("everything is at refundTo, to the wei less gas", async () => {
    expect(await isRegistered(stage, worker)).toBe(false);
    expect(await stage.client.getBalance({ address: worker })).toBe(0n);
    expect(await refundTo()).toBe(await expectedBack(stage, worker, 16n * 10n ** 15n));
  });

  test("no private key of the worker is in the open afterwards", async () => {
    expect(await scanForSecrets([rehearsal.folders.root], needles)).toEqual([]);
  });

  test("run once more, it finds nothing left and sends nothing", async () => {
    const nonce = await stage.client.getTransactionCount({ address: worker });
    const again = await recover("--yes");
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining("Nothing is left")]);
    expect(await stage.client.getTransactionCount({ address: worker })).toBe(nonce);
  });
});

describe("a node that is dead when the stack is destroyed", () => {
  let stage: Stage;
  let worker: Address;
  let revive: () => Promise<void>;
  let command: string[];

  test("makes a destroy end with one error that names the escape hatch, and changes nothing", async () => {
    stage = await stageFor("hatch");
    await stage.engine.run("up");
    worker = outputsSchema.parse(await stage.engine.outputs()).worker;
    revive = await fault({ part: "rpc", kind: "drop" });
    const failed = await pulumi(stage, ["destroy", "--yes", "--skip-preview"]);
    const output = failed.stdout + failed.stderr;
    expect(failed.code).not.toBe(0);
    expect([...new Set(output.match(/LF1\d{3}/g))]).toEqual(["LF1512"]);
    expect(output).toContain("LIGHTCHAIN_SKIP_DEREGISTER=1 pulumi destroy");
    expect(await recordOf(stage, "hatch")).toMatchObject({ leaving: false, archived: null, holder: "hatch-host" });
  });

  test("with the hatch it empties the stack, keeps the keys, and says how the stake comes back", async () => {
    const [line = ""] = blockUnder("The node is dead and I want the stack gone", "docs/recovery.md");
    const [, name = "", value = "", destroy = ""] = /^(\w+)=(\d) npx pulumi (\w+)$/.exec(line) ?? [];
    const done = await pulumi(stage, [destroy, "--yes", "--skip-preview"], { [name]: value });
    expect(done.code, done.stdout + done.stderr).toBe(0);
    const state = z
      .looseObject({ deployment: z.looseObject({ resources: z.array(z.unknown()).optional() }) })
      .parse(JSON.parse((await pulumi(stage, ["stack", "export"])).stdout));
    expect(state.deployment.resources ?? []).toEqual([]);
    expect(await recordOf(stage, "hatch")).toMatchObject({ archived: null, holder: null });
    const said = /npx fleet (recover --store \S+ --ref \S+ --network )/.exec(done.stdout + done.stderr)?.[1];
    command = [...(said ?? "").trim().split(" "), rehearsal.network.networkFile];
    expect(command).toContain(`worker/${stage.network.chainId}/hatch`);
  });

  test("and that command brings everything back when the node answers, past a blob that hangs", async () => {
    await revive();
    const { signingKey } = await recordOf(stage, "hatch");
    const account = privateKeyToAccount(`0x${Buffer.from(signingKey).toString("hex")}`);
    const wallet = createWalletClient({ account, transport: http(stage.network.endpoints.rpc, { timeout: 60_000 }) });
    const withheld = await fault({ part: "chain", kind: "withhold", match: { from: worker.toLowerCase() } });
    const hanging = await wallet.sendTransaction({
      chain: null,
      to: worker,
      gas: 21_000n,
      maxPriorityFeePerGas: 10n ** 9n,
      maxFeePerGas: 100n * 10n ** 9n,
      maxFeePerBlobGas: 10n ** 9n,
      blobs: [constantBlob(1)],
      kzg: constantBlobKzg,
    });
    await fault({ part: "chain", kind: "withhold", match: { hash: hanging } });
    await withheld();

    const before = await stage.client.getBalance({ address: stage.operator.refundTo });
    const env = { LIGHTCHAIN_PASSPHRASE_FILE: rehearsal.folders.passphrase };
    const done = await fleet([...command, "--yes"], env);
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("has left the network")]);
    expect((await sentBy(stage, worker)).calls.slice(-3)).toEqual(["blob", "deregisterWorker", "sweep"]);
    const after = await stage.client.getBalance({ address: stage.operator.refundTo });
    expect(after - before).toBe(await expectedBack(stage, worker, 0n));
    expect((await recordOf(stage, "hatch")).archived).not.toBeNull();
  }, 120_000);
});

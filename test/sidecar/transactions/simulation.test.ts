import fc from "fast-check";
import { pino } from "pino";
import { keccak256, toHex } from "viem";
import { expect, test } from "vitest";
import type { Call, Mined, PurposeId } from "../../../lifecycle/types.js";
import { wei, type Address } from "../../../schema/units.js";
import type { Transactions, Urgency } from "../../../sidecar/ports.js";
import { openJournal } from "../../../sidecar/journal/sqlite-journal.js";
import { createTransactions } from "../../../sidecar/transactions/manager.js";
import { createVirtualClock, type VirtualClock } from "../../simulation/virtual-clock.js";
import { Life } from "../../simulation/account/crash.js";
import { noFork, SimulatedNode, type Faults, type ForkPlan } from "../../simulation/account/node.js";
import { simulatedBlobs, simulatedSigner } from "../../simulation/account/signer.js";
import { chainSettings } from "./settings.js";

const worker: Address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const jobRegistry: Address = "0x531b3A87c5D785441B9cF55b98169F20FD9056a7";
const minute = 60_000;
const epoch = 1_700_000_000_000;

/** Something to be achieved, asked for `atMs` after the start. */
interface Wish {
  readonly kind: "call" | "blob";
  readonly urgency: Urgency;
  readonly atMs: number;
  readonly reverts: number;
  /** Gives up after three seconds and asks again. */
  readonly isImpatient: boolean;
  /** Two callers ask at once. */
  readonly isAskedTwice: boolean;
}
interface Scenario {
  readonly seed: number;
  readonly wishes: readonly Wish[];
  /** One per life of the process but the last. */
  readonly crashes: readonly { step: number; when: "before" | "after" }[];
  readonly faults: Faults;
  /** When the chain changes to cell proofs (ms after the start), and whether its node tells. `null`: never. */
  readonly osaka: { readonly atMs: number; readonly tells: boolean } | null;
  /** When another holder of the key signs something in between (ms after the start). */
  readonly intrusions: readonly number[];
  /** What a former holder of the key left in the pools; the price in millions of wei. */
  readonly foreign: { lane: "plain" | "blob"; price: number } | null;
}

/** Plays a scenario and says what went wrong with it, if anything. */
async function play({ seed, wishes, crashes, faults, foreign, intrusions, osaka }: Scenario): Promise<string[]> {
  const clock = createVirtualClock(epoch);
  const fork: ForkPlan = osaka ? { osakaAt: epoch + osaka.atMs, tells: osaka.tells } : noFork;
  const node = new SimulatedNode(clock, seed, faults, 2_000, true, fork);
  if (foreign) node.plantForeign(0, foreign.lane, BigInt(foreign.price) * 1_000_000n);
  const journal = openJournal(":memory:", { chainId: 8200, jobRegistry, worker });
  const signer = simulatedSigner(worker);
  const reported = new Map<string, Mined>();
  const wrong: string[] = [];

  const blobAt = (index: number) => ({
    purpose: `8200/${worker.toLowerCase()}/answer/g0/${index}` as PurposeId,
    payload: Buffer.from(toHex(index + 1, { size: 32 }).slice(2), "hex"),
  });
  const work = wishes.map((wish, index) => {
    // A call that comes after a blob is its completion, every other one stands for itself.
    const completes = wish.kind === "call" && wishes[index - 1]?.kind === "blob" ? index - 1 : undefined;
    const name = completes === undefined ? `call/g1/${index}` : `complete/g0/${completes}`;
    const purpose = `8200/${worker.toLowerCase()}/${name}` as PurposeId;
    const payload = toHex(index + 1, { size: 32 });
    const tag = wish.kind === "call" ? payload : `0x01${keccak256(payload).slice(4)}`;
    if (wish.kind === "call") node.revertNext(tag, wish.reverts);
    const call: Call = { purpose, to: jobRegistry, data: payload, value: wei(0n) };
    const achieve = async (transactions: Transactions): Promise<Mined> => {
      const giveUp = new AbortController();
      if (wish.isImpatient) void clock.sleep(3_000).then(() => giveUp.abort(new Error("too slow")));
      const { signal } = giveUp;
      if (wish.kind === "blob") return transactions.publish({ ...blobAt(index), signal });
      if (completes !== undefined) await transactions.publish({ ...blobAt(completes), signal });
      return transactions.send(call, signal, wish.urgency);
    };
    return { wish, tag, achieve };
  });

  let life = 0;
  function live(): void {
    const current = ++life;
    const body = new Life(crashes[current - 1] ?? null, () => void clock.sleep(500).then(live));
    const alive = (): boolean => life === current;
    const pursue = async (one: (typeof work)[number], transactions: Transactions): Promise<void> => {
      while (alive() && !reported.has(one.tag)) {
        try {
          const mined = await one.achieve(transactions);
          if (alive() && mined.status === "success") reported.set(one.tag, mined);
        } catch {
          await clock.sleep(1_000);
        }
      }
    };
    try {
      const transactions = createTransactions({
        node: body.node(node.port()),
        signer: body.signer(signer),
        journal: body.journal(journal),
        blobs: simulatedBlobs,
        clock,
        settings: chainSettings({ replaceAfterMs: 8_000 }),
        log: traced(clock),
        finalDepth: 12n,
      });
      transactions.recover().catch(() => undefined);
      for (const one of work.flatMap((one) => (one.wish.isAskedTwice ? [one, one] : [one])))
        void clock.sleep(life === 1 ? one.wish.atMs : 0).then(() => pursue(one, transactions));
    } catch {
      // It died while it started; the next life is scheduled.
    }
  }
  live();

  for (const atMs of intrusions) void clock.sleep(atMs).then(() => node.intrude());
  void clock.sleep(10 * minute).then(() => node.calm());
  const isReported = (): boolean => work.every(({ tag }) => reported.has(tag));
  const isSettled = (): boolean => journal.openTransactions().length === 0;
  // What a reorganisation takes back after a crash is missed only by who asked for it; in one life the manager sees to it itself.
  const isThere = (): boolean => crashes.length > 0 || work.every(({ tag }) => node.achieved().get(tag) === 1);
  try {
    await clock.runUntil(() => isReported() && isSettled() && isThere(), 60 * minute, "everything achieved");
  } catch (error) {
    const missing = work.filter(({ tag }) => !reported.has(tag)).map(({ wish }) => JSON.stringify(wish));
    const open = journal.openTransactions().map(({ purpose, nonce, lane }) => `${purpose} (${lane}, nonce ${nonce})`);
    wrong.push(`it does not converge: ${String(error)}; missing ${missing.join(" ")}; open ${open.join(", ")}`);
  }
  wrong.push(...node.violations);
  const nonces = journal.allTransactions().filter(({ outcome }) => outcome === "mined" || outcome === "reverted");
  if (new Set(nonces.map(({ nonce }) => nonce)).size !== nonces.length)
    wrong.push("two transactions are said to be mined at one nonce");
  journal.close();
  return wrong;
}

/** Silent, or with SIMULATION_TRACE=1 on standard error with seconds of virtual time. */
const traced = (clock: VirtualClock) =>
  pino(
    {
      level: process.env["SIMULATION_TRACE"] === undefined ? "silent" : "debug",
      base: null,
      timestamp: () => `,"t":${(clock.now() - epoch) / 1_000}`,
    },
    pino.destination({ dest: 2, sync: true }),
  );

const chance = (max: number): fc.Arbitrary<number> => fc.constantFrom(0, 0, max / 4, max);
const scenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
  wishes: fc.array(
    fc.record({
      kind: fc.constantFrom("call" as const, "blob" as const),
      urgency: fc.constantFrom("job" as const, "claim" as const, "settlement" as const),
      atMs: fc.integer({ min: 0, max: 30_000 }),
      reverts: fc.constantFrom(0, 0, 0, 1),
      isImpatient: fc.boolean(),
      isAskedTwice: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  ),
  crashes: fc.array(
    fc.record({ step: fc.integer({ min: 1, max: 150 }), when: fc.constantFrom("before" as const, "after" as const) }),
    { maxLength: 4 },
  ),
  faults: fc.record({
    unavailable: chance(0.2),
    vanishing: chance(0.3),
    errorAfterAccept: chance(0.3),
    lost: chance(0.3),
    withheld: chance(0.5),
    reorg: chance(0.3),
    lagging: chance(0.3),
  }),
  osaka: fc.option(fc.record({ atMs: fc.integer({ min: -1, max: 60_000 }), tells: fc.boolean() })),
  intrusions: fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 2 }),
  foreign: fc.option(
    fc.record({ lane: fc.constantFrom("plain" as const, "blob" as const), price: fc.constantFrom(1, 50, 3_000) }),
  ),
});

const replay = process.env["SIMULATION"];

test("whatever node, network and crashes do, every purpose is mined exactly once and nothing stays open", async () => {
  if (replay !== undefined) {
    expect(await play(JSON.parse(replay) as Scenario)).toEqual([]);
    return;
  }
  await fc.assert(
    fc.asyncProperty(scenario, async (one) => {
      const wrong = await play(one);
      if (wrong.length > 0)
        throw new Error(
          `${wrong.join("\n")}\nreplay: SIMULATION='${JSON.stringify(one)}' npx vitest run --project fast test/sidecar/transactions/simulation.test.ts`,
        );
    }),
    { numRuns: Number(process.env["SIMULATION_RUNS"] ?? 40), endOnFailure: true },
  );
}, 600_000);

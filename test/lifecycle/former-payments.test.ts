import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLocalSigner } from "../../keystore/local-signer.js";
import { decodeRecord, encodeRecord } from "../../keystore/record-codec.js";
import type { FormerPayments, RecordRef, StoredTx, TreasuryRecord } from "../../keystore/store.js";
import { condensed, isFormer, type PaymentLists } from "../../lifecycle/former-payments.js";
import { pastFundings, planFunding } from "../../lifecycle/fund.js";
import { fromStored } from "../../lifecycle/ledger.js";
import { purposeId } from "../../lifecycle/purpose.js";
import { openStoredSender } from "../../lifecycle/stored-sender.js";
import type { SenderNode } from "../../lifecycle/node.js";
import { blockTime } from "../../schema/units.js";
import { devTreasury } from "../keystore/fixtures.js";
import { ChainModel, noFaults } from "./chain-model.js";
import { memoryStore } from "./memory-store.js";
import { gwei, lcai, nobody, refundTo, serving, worker } from "./situations.js";

const ref: RecordRef = "treasury/8200/main";
const treasury = devTreasury();
const other = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const workers = [worker, other] as const;
const payment = (n: number, generation = 1, to: (typeof workers)[number] = worker) =>
  purposeId({ chainId: 8200, worker: to, kind: "fund", generation, detail: `${n}` });

async function stored(
  purpose: string,
  nonce: number,
  value: bigint,
  outcome: StoredTx["outcome"],
  block: bigint,
): Promise<StoredTx> {
  const raw = await createLocalSigner(treasury.signingKey).signTransaction({
    ...{ type: "legacy", chainId: 8200, nonce, gasPrice: gwei, gas: 21_000n, to: worker, value, data: "0x" },
  });
  const mined = outcome === "mined" || outcome === "reverted" ? { block, fee: 1n } : null;
  const hash = `0x${nonce.toString(16).padStart(64, "0")}` as const;
  return { purpose, from: treasury.address, nonce, hash, raw, lane: "plain", outcome, mined };
}

const paidTo = (sent: readonly StoredTx[], former: readonly FormerPayments[], to: (typeof workers)[number]): bigint =>
  pastFundings({ sent: sent.map(fromStored), former }, { chainId: 8200, worker: to }, new Map())
    .filter(({ outcome }) => outcome === "mined")
    .reduce((sum, { amount }) => sum + amount, 0n);

describe("payments that are over for good", () => {
  test("become one sum for each generation of a worker, and the rest stays as it is", async () => {
    const sent = [
      await stored(payment(1), 0, 5n, "mined", 10n),
      await stored(payment(2), 1, 6n, "dead", 0n),
      await stored(payment(1, 1, other), 1, 7n, "mined", 11n),
      await stored(payment(1, 2), 2, 8n, "mined", 12n),
      await stored(payment(2), 3, 9n, "mined", 20n), // of today
      await stored(payment(2, 2), 4, 10n, "open", 0n),
      await stored(payment(2, 1, other), 5, 11n, "dead", 0n), // for a reason that may be undone
    ];
    const { sent: left, former } = condensed({ sent }, { nonce: 4, block: 15n });
    expect(left).toEqual([sent[1], ...sent.slice(4)]); // what a purpose was tried with stays while one of it stays
    expect(former).toEqual([
      { worker, generation: 1, last: 1, amount: 5n },
      { worker: other, generation: 1, last: 1, amount: 7n },
      { worker, generation: 2, last: 1, amount: 8n },
    ]);
    const again = condensed({ sent: left, former }, { nonce: 5, block: 20n });
    expect(again.sent).toEqual(sent.slice(5));
    expect(again.former[0]).toEqual({ worker, generation: 1, last: 2, amount: 14n });
  });

  test("are never paid again, and later ones count on", async () => {
    const former = [{ worker, generation: 1, last: 7, amount: lcai("3000") }];
    expect([payment(7), payment(8), payment(7, 2), payment(1, 1, other)].map((one) => isFormer(one, former))).toEqual([
      ...[true, false, false, false],
    ]);
    const question = {
      ...{ desired: serving, observed: nobody(), treasury: treasury.address, treasuryBalance: lcai("9000") },
      sentFundings: pastFundings({ sent: [], former }, { chainId: 8200, worker }, new Map()),
    };
    const caps = (lifetime: string) => ({
      caps: { perAction: lcai("9000"), perDay: lcai("5010"), lifetime: lcai(lifetime) },
    });
    expect(planFunding({ ...question, ...caps("8010") })).toMatchObject({ do: "pay", purpose: payment(8) });
    expect(planFunding({ ...question, ...caps("8009") })).toMatchObject({
      do: "blocked",
      blockers: [{ code: "LF1221" }],
    });
  });

  test("lose no wei and no number, however they are put together", async () => {
    const list = fc.array(
      fc.record({
        to: fc.constantFrom(...workers),
        generation: fc.integer({ min: 1, max: 2 }),
        outcome: fc.constantFrom("mined", "dead", "reverted", "open"),
        value: fc.bigInt({ min: 0n, max: 10n ** 24n }),
      }),
      { maxLength: 12 },
    );
    const until = fc.array(fc.nat(13), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(list, until, async (payments, ends) => {
        const numbers = new Map<string, number>();
        const sent = await Promise.all(
          payments.map(({ to, generation, outcome, value }, at) => {
            const n = (numbers.get(`${to}${generation}`) ?? 0) + 1;
            numbers.set(`${to}${generation}`, n);
            return stored(payment(n, generation, to), at, value, outcome, BigInt(at));
          }),
        );
        let now: PaymentLists = { sent };
        for (const end of ends) now = condensed(now, { nonce: end, block: BigInt(end) - 1n });
        for (const to of workers) expect(paidTo(now.sent, now.former ?? [], to)).toBe(paidTo(sent, [], to));
        for (const { purpose, outcome } of sent) {
          const isListed = now.sent.some((one) => one.purpose === purpose);
          expect(isListed || isFormer(purpose, now.former)).toBe(true);
          if (outcome === "open") expect(isListed).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("rest in the record as they were", () => {
    const former = [{ worker, generation: 3, last: 41, amount: lcai("12345") }];
    expect(decodeRecord(encodeRecord({ ...treasury, former }))).toEqual({ ...treasury, former });
  });
});

describe("a treasury that pays often", () => {
  /** Has paid one LCAI each time, and sees the chain as it will be after what `wait` says (seconds). */
  async function paying(count: number) {
    const chain = new ChainModel(worker, [[treasury.address, lcai("1000")]], noFaults, 0);
    const store = memoryStore(ref, treasury, chain.clock, () => undefined);
    const questions: (bigint | "latest")[] = [];
    let later = 0n;
    const model = chain.nodeOf(treasury.address, null);
    const node: SenderNode = {
      ...model,
      timeOf: async (block) => {
        questions.push(block);
        const time = await model.timeOf(block);
        return time === null || block !== "latest" ? time : blockTime(time + later);
      },
    };
    const sender = await openStoredSender({ store, ref, chainId: 8200, node, clock: chain.clock });
    const pay = (n: number) =>
      sender.sendDecided(async () => ({ purpose: payment(n), to: refundTo, data: "0x", value: lcai("1") }));
    for (let n = 1; n <= count; n++) await pay(n);
    const record = async (): Promise<TreasuryRecord> => (await store.read(ref, "treasury")).record;
    return { pay, record, questions, sender, paid: () => chain.balance(refundTo), wait: (by: bigint) => (later = by) };
  }

  test("lists what is of today one by one, and asks for one block's time to know", async () => {
    const { record, questions } = await paying(63);
    expect((await record()).sent).toHaveLength(63);
    expect((await record()).former).toBeUndefined();
    expect(questions.length).toBeLessThanOrEqual(2 * 3);
  });

  test("keeps the sum of the rest, a day later, and pays none of it again", async () => {
    const { pay, record, sender, paid, wait } = await paying(61);
    wait(86_400n);
    await pay(62);
    const { sent, former } = await record();
    // What is not final yet is listed as before.
    const [sum] = former ?? [];
    expect(sent.length).toBeLessThan(10);
    expect(sum).toEqual({ worker, generation: 1, last: 62 - sent.length, amount: lcai(`${62 - sent.length}`) });
    expect(paidTo(sent, former ?? [], worker)).toBe(lcai("62"));

    const again = sender.send({ purpose: payment(5), to: refundTo, data: "0x", value: lcai("1") });
    await expect(again).rejects.toMatchObject({ code: "LF1235" });
    expect(paid()).toBe(lcai("62"));
  });
});

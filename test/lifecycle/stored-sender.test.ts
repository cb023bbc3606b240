import { parseTransaction } from "viem";
import { describe, expect, test } from "vitest";
import type { RecordRef, SecretStore } from "../../keystore/store.js";
import { purposeId } from "../../lifecycle/purpose.js";
import { openStoredSender, type StoredSenderOptions } from "../../lifecycle/stored-sender.js";
import type { Call, PurposeId } from "../../lifecycle/types.js";
import { wei } from "../../schema/units.js";
import { devTreasury } from "../keystore/fixtures.js";
import { ChainModel, noFaults, type Faults } from "./chain-model.js";
import { memoryStore } from "./memory-store.js";
import { gwei, lcai, refundTo, worker } from "./situations.js";

const ref: RecordRef = "treasury/8200/main";
const treasury = devTreasury();

const purpose = (n: number): PurposeId =>
  purposeId({ chainId: 8200, worker, kind: "fund", generation: 1, detail: `${n}` });
const pay = (n: number, amount = lcai("1")): Call => ({ purpose: purpose(n), to: refundTo, data: "0x", value: amount });

function setting(faults: Partial<Faults> = {}, balance = lcai("100")) {
  const chain = new ChainModel(worker, [[treasury.address, balance]], { ...noFaults, ...faults }, 0);
  let dies = (): boolean => false;
  const mayDie = (): void => {
    if (dies()) throw new Error("killed");
  };
  const store: SecretStore = memoryStore(ref, treasury, chain.clock, () => undefined);
  const open = (options: Partial<StoredSenderOptions> = {}) =>
    openStoredSender({
      store,
      ref,
      chainId: 8200,
      node: chain.nodeOf(treasury.address, mayDie),
      clock: chain.clock,
      timeoutMs: 20_000,
      replaceAfterMs: 6_000,
      ...options,
    });
  /** A sender on another machine: nothing keeps it and the others out of one another's time but the store's compare-and-set. */
  const openElsewhere = () => open({ store: { ...store, lock: async () => ({ release: () => undefined }) } });
  return {
    chain,
    open,
    openElsewhere,
    sent: async () => (await store.read(ref, "treasury")).record.sent,
    paid: () => chain.balance(refundTo),
    dieWhen: (when: () => boolean) => (dies = when),
  };
}

describe("two machines with one treasury, which no lock of one keeps the other from", () => {
  test("pay a purpose once", async () => {
    const { openElsewhere, paid, sent } = setting();
    const both = [await openElsewhere(), await openElsewhere()];
    await Promise.allSettled(both.map((sender) => sender.send(pay(1))));
    const again = await Promise.all(both.map((sender) => sender.send(pay(1))));
    expect(again[0]).toEqual(again[1]);
    expect([paid(), (await sent()).length]).toEqual([lcai("1"), 1]);
  });

  test("pay a purpose once also where one of them has meanwhile paid for something else", async () => {
    const { openElsewhere, paid, sent } = setting();
    const [one, other] = [await openElsewhere(), await openElsewhere()];
    const ended = await Promise.allSettled([one.send(pay(2)).then(() => one.send(pay(1))), other.send(pay(1))]);
    for (const { reason } of ended.filter((each) => each.status === "rejected"))
      expect(reason).toMatchObject({ code: "LF1235" });
    for (const sender of [one, other]) await sender.send(pay(1));
    await one.send(pay(2));
    expect(paid()).toBe(lcai("2"));
    expect((await sent()).filter(({ outcome }) => outcome === "mined")).toHaveLength(2);
  });

  test("pay two purposes under two nonces, whoever of them has to look again", async () => {
    const { openElsewhere, paid, sent } = setting();
    const both = [await openElsewhere(), await openElsewhere()];
    await Promise.allSettled(both.map((sender, n) => sender.send(pay(n))));
    for (const [n, sender] of both.entries()) await sender.send(pay(n));
    expect(paid()).toBe(lcai("2"));
    expect((await sent()).map(({ nonce, outcome }) => [nonce, outcome])).toEqual([
      [0, "mined"],
      [1, "mined"],
    ]);
  });
});

describe("a payment", () => {
  test("is written down, sent, mined, and its fee is known to the wei", async () => {
    const { open, sent, paid, chain } = setting();
    const mined = await (await open()).send(pay(1));
    expect(paid()).toBe(lcai("1"));
    expect(mined).toMatchObject({ status: "success", gasUsed: 21_000n, fee: (21_000n * gwei * 11n) / 10n });
    expect(await sent()).toMatchObject([{ purpose: purpose(1), outcome: "mined", nonce: 0, hash: mined.hash }]);
    expect(chain.balance(treasury.address)).toBe(lcai("99") - mined.fee);
  });

  test("carries the node's price and a tenth, the estimate and half as much again, and the chain's id", async () => {
    const { open, sent } = setting();
    await (await open()).send(pay(1));
    const [tx] = await sent();
    expect(parseTransaction(tx!.raw)).toMatchObject({
      type: "legacy",
      gasPrice: (gwei * 11n) / 10n,
      gas: 31_500n,
      chainId: 8200,
    });
  });

  test("that is mined already is not made again", async () => {
    const { open, paid } = setting();
    const first = await (await open()).send(pay(1));
    expect(await (await open()).send(pay(1))).toEqual(first);
    expect(paid()).toBe(lcai("1"));
  });

  test("that is final is believed without a receipt", async () => {
    const { open, chain, paid } = setting();
    const first = await (await open()).send(pay(1));
    await chain.clock.sleep(60_000);
    expect(await (await open()).send(pay(1))).toEqual(first);
    expect(paid()).toBe(lcai("1"));
  });

  test("whose process died after writing it down is made with the same bytes", async () => {
    const { open, sent, paid, dieWhen } = setting();
    const sender = await open();
    let written = false;
    dieWhen(() => written);
    const dying = sender.send(pay(1)).catch(() => undefined);
    while (!written) {
      written = (await sent()).length > 0;
      await Promise.resolve();
    }
    await dying;
    const [before] = await sent();
    expect([before?.outcome, paid()]).toEqual(["open", 0n]);

    dieWhen(() => false);
    const mined = await (await open()).send(pay(1));
    expect([mined.hash, (await sent()).length, paid()]).toEqual([before?.hash, 1, lcai("1")]);
  });

  test.each(["unclear but taken", "unclear and lost", "lost", "withheld"] as const)(
    "whose sending is %s is made once",
    async (delivery) => {
      const { open, sent, paid } = setting({ deliveries: [delivery] });
      await (await open()).send(pay(1));
      expect([paid(), (await sent()).length]).toEqual([lcai("1"), 1]);
    },
  );

  test("that hangs because gas became dearer is sent again at the same nonce, and made once", async () => {
    const { open, sent, paid } = setting({ gasPrices: [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9] });
    const mined = await (await open()).send(pay(1));
    const all = await sent();
    expect(all.map(({ outcome, nonce }) => [outcome, nonce])).toEqual([
      ["dead", 0],
      ["mined", 0],
    ]);
    expect([mined.hash, paid()]).toEqual([all[1]!.hash, lcai("1")]);
  });

  test("that is not mined in time is followed by the next run, which sends no other", async () => {
    const { open, sent, paid } = setting({ deliveries: ["lost", "lost", "lost", "lost", "lost", "lost"] });
    const sender = await open({ timeoutMs: 3_000 });
    const late = await sender.send(pay(1)).catch((error: unknown) => error);
    expect(late).toMatchObject({ code: "LF1231", hash: (await sent())[0]!.hash });
    await (await open()).send(pay(1));
    expect([paid(), (await sent()).length]).toEqual([lcai("1"), 1]);
  });

  test("waits for the one before it", async () => {
    const { open, sent, paid } = setting({ deliveries: ["withheld"] });
    const sender = await open({ timeoutMs: 1_000 });
    await expect(sender.send(pay(1))).rejects.toMatchObject({ code: "LF1231" });
    await (await open()).send(pay(2));
    expect((await sent()).map(({ outcome, nonce }) => [outcome, nonce])).toEqual([
      ["mined", 0],
      ["mined", 1],
    ]);
    expect(paid()).toBe(lcai("2"));
  });

  test("takes the nonce of one that the network lost; the lost one is planned anew, never paid twice", async () => {
    const { open, sent, paid, chain } = setting({ deliveries: ["lost", "lost"] });
    await expect((await open({ timeoutMs: 1_000 })).send(pay(1))).rejects.toMatchObject({ code: "LF1231" });
    await (await open()).send(pay(2, lcai("2")));
    const repeated = (await open({ timeoutMs: 1_000 })).send(pay(1));
    await expect(repeated).rejects.toMatchObject({ code: "LF1231" }); // until that is final, nobody knows
    await chain.clock.sleep(30_000);
    await expect((await open()).send(pay(1))).rejects.toMatchObject({ code: "LF1235" });
    expect((await sent()).map(({ outcome }) => outcome)).toEqual(["dead", "mined"]);
    await (await open()).send(pay(1));
    expect(paid()).toBe(lcai("3"));
  });
});

describe("nothing is sent", () => {
  test("when the account cannot pay", async () => {
    const { open, sent } = setting({}, lcai("1"));
    await expect((await open()).send(pay(1, lcai("2")))).rejects.toMatchObject({
      code: "LF1230",
      reason: "insufficient funds",
    });
    await expect((await open()).send(pay(1, lcai("1")))).rejects.toMatchObject({
      code: "LF1230",
      reason: "it needs 1.0000231 LCAI with its gas, and the account holds 1",
    });
    expect(await sent()).toEqual([]);
  });

  test("when gas costs more than is allowed", async () => {
    const { open, sent } = setting();
    await expect((await open({ maxGasPrice: gwei - 1n })).send(pay(1))).rejects.toMatchObject({ code: "LF1233" });
    expect(await sent()).toEqual([]);
  });

  test("when the key was used since it was planned", async () => {
    const { open, sent } = setting();
    const sender = await open();
    await sender.send(pay(1));
    await expect(sender.send({ ...pay(2), ifNonce: 0 })).rejects.toMatchObject({ code: "LF1235" });
    await sender.send({ ...pay(2), ifNonce: 1 });
    expect((await sent()).map(({ outcome }) => outcome)).toEqual(["mined", "mined"]);
  });

  test("when a decision under the lock finds nothing to do", async () => {
    const { open, sent } = setting();
    expect(await (await open()).sendDecided(async () => null)).toBeNull();
    expect(await sent()).toEqual([]);
  });

  test("once it was called off", async () => {
    const { open } = setting({ deliveries: ["withheld"] });
    await expect((await open()).send(pay(1), AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });
});

describe("a payment that a reorganisation took back and lost", () => {
  const lost = { reorganisations: [{ at: 2, depth: 2, lose: true }] };
  const afterReorganisation = async () => {
    const here = setting(lost);
    await (await here.open()).send(pay(1));
    expect(here.paid()).toBe(lcai("1"));
    await here.chain.clock.sleep(4_000);
    expect([here.paid(), (await here.sent()).map(({ outcome }) => outcome)]).toEqual([0n, ["mined"]]);
    return here;
  };

  test("is open again, and nothing else is paid on the belief that it is made", async () => {
    const { open, sent, paid } = await afterReorganisation();
    await expect((await open()).send(pay(2, lcai("2")))).rejects.toMatchObject({ code: "LF1235" });
    expect((await sent()).map(({ outcome }) => outcome)).toEqual(["open"]);
    await (await open()).send(pay(1));
    expect([paid(), (await sent()).length]).toEqual([lcai("1"), 1]);
  });

  test("is known as open to whoever decides under the lock", async () => {
    const { open, sent, paid } = await afterReorganisation();
    await (
      await open()
    ).sendDecided(async () => ((await sent()).some(({ outcome }) => outcome === "open") ? pay(1) : pay(2)));
    expect([paid(), (await sent()).length]).toEqual([lcai("1"), 1]);
  });
});

test("what balance allows is enough: the gas limit shrinks towards the estimate before a payment is refused", async () => {
  const exactly = wei(lcai("1") + 21_000n * ((gwei * 11n) / 10n));
  const { open, chain } = setting({}, exactly);
  await (await open()).send(pay(1));
  expect(chain.balance(treasury.address)).toBe(0n);
});

describe("a sweep", () => {
  const sweep: Call = {
    purpose: purposeId({ chainId: 8200, worker, kind: "sweep", generation: 1, detail: "1" }),
    to: refundTo,
    data: "0x",
    value: wei(0n),
    sweep: true,
  };

  test("leaves exactly nothing", async () => {
    const { open, chain } = setting({}, lcai("3.141592653589793238"));
    const { fee } = await (await open()).send(sweep);
    expect([chain.balance(treasury.address), chain.balance(refundTo) + fee]).toEqual([
      0n,
      lcai("3.141592653589793238"),
    ]);
  });

  test("leaves exactly nothing also when it had to be sent again for more", async () => {
    const { open, chain } = setting({ gasPrices: Array.from({ length: 20 }, () => 7) });
    await (await open()).send(sweep);
    expect(chain.balance(treasury.address)).toBe(0n);
  });

  test("of what does not pay for its own move is refused", async () => {
    const { open } = setting({}, wei(21_000n * gwei));
    await expect((await open()).send(sweep)).rejects.toMatchObject({
      code: "LF1230",
      reason: expect.stringContaining("do not pay") as string,
    });
  });
});

test("two senders at once make one payment", async () => {
  const { open, paid, sent } = setting();
  const results = await Promise.all([(await open()).send(pay(1)), (await open()).send(pay(1))]);
  expect(results[0]).toEqual(results[1]);
  expect([paid(), (await sent()).length]).toEqual([lcai("1"), 1]);
});

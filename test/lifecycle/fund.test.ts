import { describe, expect, test } from "vitest";
import { createLocalSigner } from "../../keystore/local-signer.js";
import { pastFundings, planFunding, type FundingQuestion, type PastFunding } from "../../lifecycle/fund.js";
import { gasCost, transferGas } from "../../lifecycle/gas.js";
import { purposeId } from "../../lifecycle/purpose.js";
import type { SentTx } from "../../lifecycle/types.js";
import { blockTime, wei } from "../../schema/units.js";
import { devTreasury } from "../keystore/fixtures.js";
import { gone, gwei, hours, lcai, nobody, serving, worker, workerWith } from "./situations.js";

const treasury = devTreasury();
const id = (n: number, generation = 1) =>
  purposeId({ chainId: 8200, worker, kind: "fund", generation, detail: `${n}` });
const past = (n: number, different: Partial<PastFunding> = {}): PastFunding => ({
  purpose: id(n),
  outcome: "mined",
  amount: lcai("1000"),
  block: 900n,
  at: hours(-1),
  ...different,
});
const question = (different: Partial<FundingQuestion> = {}): FundingQuestion => ({
  desired: serving,
  observed: nobody(),
  treasury: treasury.address,
  treasuryBalance: lcai("6000"),
  caps: { perAction: lcai("5010"), lifetime: lcai("20000") },
  sentFundings: [],
  ...different,
});

describe("the treasury", () => {
  test("pays exactly what is missing, once the caps allow it", () => {
    expect(planFunding(question())).toEqual({
      do: "pay",
      purpose: id(1),
      to: worker,
      amount: lcai("5010"),
      isRefill: false,
    });
    expect(planFunding(question({ observed: nobody({ balance: lcai("4000") }) }))).toMatchObject({
      amount: lcai("1010"),
    });
  });

  test("pays nothing to a worker that lacks nothing", () => {
    expect(planFunding(question({ observed: workerWith() }))).toEqual({ do: "nothing", blockers: [] });
    expect(planFunding(question({ observed: nobody({ balance: lcai("5010") }) }))).toEqual({
      do: "nothing",
      blockers: [],
    });
  });

  test("follows a payment that is on its way, and plans no other beside it", () => {
    const open = past(2, { outcome: "open", block: null, at: null, amount: lcai("7") });
    expect(planFunding(question({ sentFundings: [past(1), open] }))).toEqual({
      do: "pay",
      purpose: id(2),
      to: worker,
      amount: lcai("7"),
      isRefill: false,
    });
  });

  test("waits for a node that has not seen its last payment", () => {
    expect(planFunding(question({ sentFundings: [past(1, { block: 1_001n })] }))).toMatchObject({ do: "wait" });
  });

  test("counts its payments to a worker, dead and reverted ones too", () => {
    const sentFundings = [past(1), past(2, { outcome: "dead", block: null }), past(3, { outcome: "reverted" })];
    expect(planFunding(question({ sentFundings }))).toMatchObject({ purpose: id(4) });
    expect(planFunding(question({ sentFundings, desired: { ...serving, generation: 2 } }))).toMatchObject({
      purpose: id(1, 2),
    });
  });

  test("pays the gas of one that cannot leave without", () => {
    const observed = workerWith({ balance: wei(0n) });
    expect(planFunding(question({ desired: gone, observed }))).toMatchObject({ do: "pay", purpose: id(1) });
  });

  test("fills up the reserve of one that serves, as far as it may, and says why where it may not", () => {
    const observed = workerWith({ balance: lcai("4") });
    expect(planFunding(question({ observed }))).toMatchObject({ do: "pay", amount: lcai("6"), isRefill: true });
    const capped = { caps: { perAction: lcai("5"), lifetime: lcai("20000") } };
    expect(planFunding(question({ observed, ...capped }))).toMatchObject({
      do: "nothing",
      blockers: [{ code: "LF1221" }],
    });
    const raised = workerWith({ balance: lcai("4") }, { stake: lcai("4990") });
    expect(planFunding(question({ observed: raised, ...capped }))).toMatchObject({ do: "blocked" });
  });

  test("pays nothing to one that could not join", () => {
    const { rules } = nobody();
    const observed = nobody({ rules: { ...rules, minimumStake: lcai("6001") } });
    const blockers = [{ code: "LF1206" }];
    expect(
      planFunding(question({ observed, caps: { perAction: lcai("9000"), lifetime: lcai("9000") } })),
    ).toMatchObject({
      do: "blocked",
      blockers: expect.arrayContaining(blockers.map((one) => expect.objectContaining(one) as unknown)) as unknown,
    });
  });

  test("does not refill what an offence took", () => {
    const observed = workerWith({}, { stake: lcai("4000"), offences: 1n });
    expect(planFunding(question({ observed }))).toEqual({ do: "nothing", blockers: [] });
  });
});

describe("the treasury refuses", () => {
  const codes = (different: Partial<FundingQuestion>) => {
    const plan = planFunding(question(different));
    return plan.do === "blocked" ? plan.blockers.map(({ code }) => code) : plan.do;
  };
  const caps = (different: Partial<FundingQuestion["caps"]>) => ({ caps: { ...question().caps, ...different } });

  test("what it cannot pay with its gas, and says by how much", () => {
    const gas = gasCost(transferGas, gwei);
    expect(codes({ treasuryBalance: wei(lcai("5010") + gas) })).toBe("pay");
    expect(codes({ treasuryBalance: wei(lcai("5010") + gas - 1n) })).toEqual(["LF1220"]);
    const plan = planFunding(question({ treasuryBalance: wei(lcai("10") + gas) }));
    expect(plan).toMatchObject({
      blockers: [{ fix: expect.stringContaining(`send at least 5000 LCAI to ${treasury.address}`) as string }],
    });
  });

  test.each<[string, Partial<FundingQuestion>, string | string[]]>([
    ["more than one action may cost", caps({ perAction: wei(lcai("5010") - 1n) }), ["LF1221"]],
    ["more than a life may cost", { ...caps({ lifetime: lcai("6009") }), sentFundings: [past(1)] }, ["LF1221"]],
    ["but not what is exactly left of it", { ...caps({ lifetime: lcai("6010") }), sentFundings: [past(1)] }, "pay"],
    ["more than a day may cost", { ...caps({ perDay: lcai("6009") }), sentFundings: [past(1)] }, ["LF1221"]],
    [
      "counting payments whose time is not known as today's",
      { ...caps({ perDay: lcai("6009") }), sentFundings: [past(1, { at: null })] },
      ["LF1221"],
    ],
    ["but not yesterday's", { ...caps({ perDay: lcai("6009") }), sentFundings: [past(1, { at: hours(-24) })] }, "pay"],
    [
      "nor what was never paid",
      { ...caps({ perDay: lcai("6009"), lifetime: lcai("6009") }), sentFundings: [past(1, { outcome: "dead" })] },
      "pay",
    ],
    [
      "for every reason at once",
      { ...caps({ perAction: wei(1n), lifetime: wei(1n) }), treasuryBalance: wei(0n) },
      ["LF1221", "LF1221", "LF1220"],
    ],
  ])("%s", (_, different, expected) => expect(codes(different)).toEqual(expected));
});

test("what was paid to a worker is read from the signed bytes, whatever else the treasury sent", async () => {
  const signer = createLocalSigner(treasury.signingKey);
  const signed = async (purpose: SentTx["purpose"], nonce: number, value: bigint): Promise<SentTx> => ({
    purpose,
    from: treasury.address,
    nonce,
    hash: `0x${nonce}`,
    raw: await signer.signTransaction({
      type: "legacy",
      chainId: 8200,
      nonce,
      gasPrice: 1n,
      gas: 21_000n,
      to: worker,
      value,
      data: "0x",
    }),
    lane: "plain",
    outcome: "mined",
    mined: { block: BigInt(nonce), fee: wei(1n) },
  });
  const other = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
  const sent = [
    await signed(id(1), 1, lcai("5")),
    await signed(purposeId({ chainId: 8200, worker: other, kind: "fund", generation: 1, detail: "1" }), 2, lcai("6")),
    await signed(purposeId({ chainId: 9200, worker, kind: "fund", generation: 1, detail: "1" }), 3, lcai("7")),
    await signed(id(2), 4, lcai("8")),
  ];
  expect(pastFundings({ sent }, { chainId: 8200, worker }, new Map([[1n, blockTime(77n)]]))).toEqual([
    { purpose: id(1), outcome: "mined", amount: lcai("5"), block: 1n, at: 77n },
    { purpose: id(2), outcome: "mined", amount: lcai("8"), block: 4n, at: null },
  ]);
});

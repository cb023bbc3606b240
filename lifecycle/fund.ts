import { parseTransaction } from "viem";
import type { FormerPayments } from "../keystore/store.js";
import { addWei, blockTime, shortfall, wei, type Address, type BlockTime, type Wei } from "../schema/units.js";
import { CapExceeded, TreasuryTooPoor, blockerFor } from "./errors.js";
import { isOfToday, paymentOf } from "./former-payments.js";
import { gasCost, transferGas } from "./gas.js";
import { plan } from "./plan.js";
import { parsePurpose, purposeId } from "./purpose.js";
import type { Blocker, Desired, Observed, PurposeId, SentTx } from "./types.js";

/** Most that may be sent to one worker. All in wei. */
export interface FundingCaps {
  /** In one payment. */
  readonly perAction: Wei;
  /** Within 24 hours of block time. Default: no limit. */
  readonly perDay?: Wei | undefined;
  /** For the life of the worker, all generations together. */
  readonly lifetime: Wei;
}

/** A payment of the treasury to a worker, as its own record tells. */
export interface PastFunding {
  readonly purpose: PurposeId;
  readonly outcome: SentTx["outcome"];
  readonly amount: Wei;
  readonly block: bigint | null;
  /** Block time at which it was mined; `null` when it was not, or when the time is not known. */
  readonly at: BlockTime | null;
}

/** Everything the decision needs. */
export interface FundingQuestion {
  readonly desired: Desired;
  readonly observed: Observed;
  readonly treasury: Address;
  readonly treasuryBalance: Wei;
  readonly caps: FundingCaps;
  readonly sentFundings: readonly PastFunding[];
}

/** What the treasury does next for a worker. */
export type FundingPlan =
  /** It lacks nothing, or serves on without what it lacks, which these keep from being sent. */
  | { readonly do: "nothing"; readonly blockers: readonly Blocker[] }
  | {
      readonly do: "pay";
      readonly purpose: PurposeId;
      readonly to: Address;
      readonly amount: Wei;
      /** It only fills up the gas of one that serves on without it, too. */
      readonly isRefill: boolean;
    }
  /** The node has not seen a payment yet that is known to be mined. */
  | { readonly do: "wait"; readonly because: string }
  | { readonly do: "blocked"; readonly amount: Wei; readonly blockers: readonly [Blocker, ...Blocker[]] };

/**
 * How much the treasury sends a worker now: exactly its shortfall, or the payment that is already on its way once more, so that its sender follows it. Pure.
 *
 * Payments of a generation are numbered, `fund/g<generation>/<n>`; n+1 exists only when all before it are mined or dead.
 */
export function planFunding(question: FundingQuestion): FundingPlan {
  const { desired, observed, sentFundings } = question;
  const open = sentFundings.find((funding) => funding.outcome === "open");
  if (open) return { do: "pay", purpose: open.purpose, to: observed.worker, amount: open.amount, isRefill: false };
  const unseen = sentFundings.find(({ block }) => block !== null && block > observed.at.number);
  if (unseen)
    return { do: "wait", because: `the node is at block ${observed.at.number}, before ${unseen.purpose} was mined` };

  const { money, blockers: inTheWay } = plan(desired, observed);
  const amount = money.shortfall;
  if (amount === 0n) return { do: "nothing", blockers: [] };
  const isJoining = desired.kind === "serving" && observed.registration === null;
  // One that serves on does so for as long as its gas lasts, and says itself that it runs out.
  const isRefill = desired.kind === "serving" && !isJoining && money.toStake === 0n;
  const [first, ...others] = [...(isJoining ? inTheWay : []), ...blockersOf(amount, question)];
  if (first === undefined) return { do: "pay", purpose: nextFunding(question), to: observed.worker, amount, isRefill };
  const blockers = [first, ...others] as const;
  return isRefill ? { do: "nothing", blockers } : { do: "blocked", amount, blockers };
}

/**
 * The payments to one worker among all that a treasury sent. Amounts are read from the signed bytes. Those that are no longer listed come first, as one of long ago in
 * each generation.
 * @param times block times of mined payments, for the daily limit; blocks that are missing count as today
 */
export function pastFundings(
  { sent, former = [] }: { readonly sent: readonly SentTx[]; readonly former?: readonly FormerPayments[] | undefined },
  to: { readonly chainId: number; readonly worker: Address },
  times: ReadonlyMap<bigint, BlockTime>,
): PastFunding[] {
  const over = former.flatMap(({ worker, generation, last, amount }): PastFunding[] => {
    if (worker !== to.worker) return [];
    const purpose = purposeId({ chainId: to.chainId, worker, kind: "fund", generation, detail: `${last}` });
    return [{ purpose, outcome: "mined", amount: wei(amount), block: null, at: blockTime(0n) }];
  });
  const listed = sent.flatMap((tx) => {
    const purpose = parsePurpose(tx.purpose);
    if (purpose?.kind !== "fund" || purpose.chainId !== to.chainId || purpose.worker !== to.worker) return [];
    const block = tx.mined?.block ?? null;
    return {
      purpose: tx.purpose,
      outcome: tx.outcome,
      amount: wei(parseTransaction(tx.raw).value ?? 0n),
      block,
      at: block === null ? null : (times.get(block) ?? null),
    };
  });
  return [...over, ...listed];
}

function blockersOf(
  amount: Wei,
  { observed, treasury, treasuryBalance, caps, sentFundings }: FundingQuestion,
): Blocker[] {
  const paid = sentFundings.filter((funding) => funding.outcome === "mined");
  const total = addWei(...paid.map((funding) => funding.amount));
  const today = paid.filter(({ at }) => isOfToday(at, observed.at.time));
  const limits = [
    { cap: "perAction" as const, left: caps.perAction },
    ...(caps.perDay === undefined
      ? []
      : [{ cap: "perDay" as const, left: shortfall(caps.perDay, addWei(...today.map((funding) => funding.amount))) }]),
    { cap: "lifetime" as const, left: shortfall(caps.lifetime, total) },
  ];
  const exceeded = limits
    .filter(({ left }) => amount > left)
    .map(({ cap, left }) => blockerFor(new CapExceeded(cap, amount, left)));
  const needed = addWei(amount, gasCost(transferGas, observed.gasPrice));
  return treasuryBalance < needed
    ? [...exceeded, blockerFor(new TreasuryTooPoor(treasury, treasuryBalance, needed))]
    : exceeded;
}

function nextFunding({ desired, observed, sentFundings }: FundingQuestion): PurposeId {
  const { chainId, worker } = observed;
  const { generation } = desired;
  const numbers = sentFundings.flatMap((funding) => {
    const payment = paymentOf(funding.purpose);
    return payment?.generation === generation ? [payment.number] : [];
  });
  return purposeId({ chainId, worker, kind: "fund", generation, detail: `${Math.max(0, ...numbers) + 1}` });
}

import { wipeRecord } from "../../keystore/record-codec.js";
import {
  pastFundings,
  planFunding,
  type FundingCaps,
  type FundingPlan,
  type PastFunding,
} from "../../lifecycle/fund.js";
import { fromStored } from "../../lifecycle/ledger.js";
import { nodeOf } from "../../lifecycle/node.js";
import { refreshSent } from "../../lifecycle/refresh-sent.js";
import type { Desired, Observed, SentTx } from "../../lifecycle/types.js";
import type { Network } from "../../schema/network.js";
import { wei, type Address, type BlockTime, type Wei } from "../../schema/units.js";
import { chainOf, openStoreHere } from "../context.js";
import type { KeyReference } from "../worker-reference.js";

/** What a treasury has sent to one worker. */
export interface Payments {
  readonly treasury: Address;
  readonly past: readonly PastFunding[];
  /** The transactions behind them, and those to other workers. */
  readonly sent: readonly SentTx[];
}

/** Who pays, and what it has. */
export interface Treasury {
  readonly address: Address;
  readonly balance: Wei;
}

/**
 * What the treasury does next for a worker that is to serve: the one decision of previews and of the payment itself.
 * @param asOf of a payment that the record still has as open, a preview looks at what the chain made of it; who pays follows it, which writes that down
 */
export async function nextPayment(question: {
  readonly network: Network;
  readonly treasury: KeyReference;
  readonly desired: Extract<Desired, { kind: "serving" }>;
  readonly observed: Observed;
  readonly caps: FundingCaps;
  readonly asOf: "record" | "chain";
}): Promise<{ readonly plan: FundingPlan; readonly treasury: Treasury }> {
  const { network, desired, observed, caps, asOf } = question;
  const { treasury: address, past } = await paymentsTo(observed.worker, network, question.treasury, { ...caps, asOf });
  const { client } = await chainOf(network);
  const treasury = { address, balance: wei(await client.getBalance({ address })) };
  const plan = planFunding({
    desired: { ...desired, models: observed.registration?.models ?? [] }, // no money of the treasury's is for changing them
    ...{ observed, caps, treasury: address, treasuryBalance: treasury.balance, sentFundings: past },
  });
  return { plan, treasury };
}

/** The treasury's payments to a worker, by its own record or what the chain made of them since; with their times where a cap asks for these. */
export async function paymentsTo(
  worker: Address,
  network: Network,
  { store, ref }: KeyReference,
  { perDay, asOf = "record" }: Pick<FundingCaps, "perDay"> & { readonly asOf?: "record" | "chain" },
): Promise<Payments> {
  const { record } = await openStoreHere(store).read(ref, "treasury");
  wipeRecord(record); // its key is not asked for
  const written = record.sent.map(fromStored);
  const sent = asOf === "record" ? written : await withOutcomes(written, network);
  const past = (times: ReadonlyMap<bigint, BlockTime>): PastFunding[] =>
    pastFundings({ sent, former: record.former }, { chainId: network.chainId, worker }, times);
  const timeless = past(new Map());
  return {
    treasury: record.address,
    past: perDay === undefined ? timeless : past(await timesOf(timeless, network)),
    sent,
  };
}

async function withOutcomes(sent: readonly SentTx[], network: Network): Promise<SentTx[]> {
  const { client } = await chainOf(network);
  const node = nodeOf(client);
  const each = sent.map(async (tx) => (tx.outcome === "open" ? refreshSent(node, [tx], 0n) : [tx]));
  return (await Promise.all(each)).flat();
}

/** Block times of mined payments; one whose block the node does not have is left out, and counts as of today. */
async function timesOf(payments: readonly PastFunding[], network: Network): Promise<Map<bigint, BlockTime>> {
  const { client } = await chainOf(network);
  const blocks = [...new Set(payments.flatMap(({ block }) => (block === null ? [] : [block])))];
  const node = nodeOf(client);
  const timeOf = async (block: bigint) => ({ block, time: await node.timeOf(block).catch(() => null) });
  const found = await Promise.all(blocks.map(timeOf));
  return new Map(found.flatMap(({ block, time }) => (time === null ? [] : [[block, time]])));
}

import { wipeRecord } from "../../keystore/record-codec.js";
import {
  pastFundings,
  planFunding,
  type FundingCaps,
  type FundingPlan,
  type PastFunding,
} from "../../lifecycle/fund.js";
import { fromStored } from "../../lifecycle/ledger.js";
import type { Desired, Observed, SentTx } from "../../lifecycle/types.js";
import type { Network } from "../../schema/network.js";
import { blockTime, wei, type Address, type BlockTime } from "../../schema/units.js";
import { chainOf, openStoreHere } from "../context.js";
import type { KeyReference } from "../worker-reference.js";

/** What a treasury has sent to one worker. */
export interface Payments {
  readonly treasury: Address;
  readonly past: readonly PastFunding[];
  /** The transactions behind them, and those to other workers. */
  readonly sent: readonly SentTx[];
}

/** What the treasury does next for a worker that is to serve: the one decision of previews and of the payment itself. */
export async function nextPayment(question: {
  readonly network: Network;
  readonly treasury: KeyReference;
  readonly desired: Extract<Desired, { kind: "serving" }>;
  readonly observed: Observed;
  readonly caps: FundingCaps;
}): Promise<FundingPlan> {
  const { network, desired, observed, caps } = question;
  const { treasury, past } = await paymentsTo(observed.worker, network, question.treasury, caps);
  const { client } = await chainOf(network);
  return planFunding({
    desired: { ...desired, models: observed.registration?.models ?? [] }, // no money of the treasury's is for changing them
    ...{ observed, treasury, caps },
    treasuryBalance: wei(await client.getBalance({ address: treasury })),
    sentFundings: past,
  });
}

/** The treasury's payments to a worker, by its own record; with their times where a cap asks for these. */
export async function paymentsTo(
  worker: Address,
  network: Network,
  { store, ref }: KeyReference,
  { perDay }: Pick<FundingCaps, "perDay">,
): Promise<Payments> {
  const { record } = await openStoreHere(store).read(ref, "treasury");
  wipeRecord(record); // its key is not asked for
  const sent = record.sent.map(fromStored);
  const past = (times: ReadonlyMap<bigint, BlockTime>): PastFunding[] =>
    pastFundings(sent, { chainId: network.chainId, worker }, times);
  const timeless = past(new Map());
  return {
    treasury: record.address,
    past: perDay === undefined ? timeless : past(await timesOf(timeless, network)),
    sent,
  };
}

/** Block times of mined payments. */
async function timesOf(payments: readonly PastFunding[], network: Network): Promise<Map<bigint, BlockTime>> {
  const { client } = await chainOf(network);
  const blocks = [...new Set(payments.flatMap(({ block }) => (block === null ? [] : [block])))];
  return new Map(
    await Promise.all(
      blocks.map(async (blockNumber): Promise<[bigint, BlockTime]> => {
        const { timestamp } = await client.getBlock({ blockNumber });
        return [blockNumber, blockTime(timestamp)];
      }),
    ),
  );
}

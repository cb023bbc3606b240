import type { Call, PurposeId } from "../../lifecycle/types.js";
import type { Settings } from "../../schema/settings.js";
import { wei, type Address, type Hex } from "../../schema/units.js";
import { CallReverted, EstimateRefused, SendRefused } from "../failures.js";
import type { Node } from "../ports.js";
import { blobFees, feeLimits, outbidPlain, plainFees, replaceBlob, replacePlain, type NodePrices } from "./fees.js";
import type { Draft } from "./raw.js";
import type { WrappedBlob } from "./wrapping.js";

/** Gas of a transfer without data, blobs included (yellow paper; EIP-4844 changes nothing). */
const transferGas = 21_000n;

/** Makes drafts from what is wanted, at the prices of the moment. */
export interface Drafting {
  readonly prices: () => Promise<NodePrices>;
  /** @throws CallReverted, SendRefused, ChainUnavailable: nothing was signed */
  call(call: Call): Promise<Draft>;
  blob(blob: WrappedBlob): Promise<Draft>;
  /** The same once more, as it would be sent now. @throws as `call` */
  again(purpose: PurposeId, draft: Draft): Promise<Draft>;
  /** A transfer of nothing to oneself, to use a nonce up. */
  nothing(): Promise<Draft>;
  /**
   * The same at a price at which nodes let it replace the former one; `null` when the settings do not allow it.
   * @param isLastChance without it the account stays blocked: a blob may be doubled once more than otherwise
   */
  raised(draft: Draft, tried: Draft["fees"], prices: NodePrices, isLastChance?: boolean): Draft | null;
  /** The same at a price far enough above that of a stranger's transaction at its nonce; `null` when the settings do not allow it. */
  outbidding(draft: Draft, tried: Draft["fees"], prices: NodePrices): Draft | null;
}

/**
 * @param mark added to the gas limit of calls, so that two processes which run from copies of one journal never sign the same bytes: only one of theirs is mined,
 * and each can tell whether it was its own. Unused gas is not paid
 */
export function createDrafting(node: Node, self: Address, settings: Settings["chain"], mark: bigint): Drafting {
  const limits = feeLimits(settings);
  const prices = async (): Promise<NodePrices> => {
    const [gasPrice, priorityFee] = await Promise.all([node.gasPrice(), node.priorityFee()]);
    return { gasPrice, priorityFee };
  };
  const plainPrice = async () => plainFees({ gasPrice: await node.gasPrice(), priorityFee: 0n }, limits);

  const call = async (call: Call): Promise<Draft> => {
    if (call.sweep) return sweep(call);
    const { to, data, value } = call;
    const [estimate, fees] = await Promise.all([estimated(call.purpose, { to, data, value }), plainPrice()]);
    // Head-room: the state a call runs in may differ from the one it was estimated in (contracts reference §6.1).
    const gas = (estimate * BigInt(settings.gasLimitPercent) + 99n) / 100n + mark;
    return { lane: "plain", body: { to, data, value, gas }, fees };
  };

  return {
    prices,
    call,
    blob: async ({ versionedHash, sidecar }) => ({
      lane: "blob",
      body: { to: self, gas: transferGas, versionedHash, sidecar },
      fees: blobFees(await prices(), limits),
    }),
    again: async (purpose, draft) => {
      if (draft.lane === "blob") return { ...draft, fees: blobFees(await prices(), limits) };
      const { to, data, value } = draft.body;
      return call({ purpose, to, data, value: wei(value), sweep: isSweep(draft.body) });
    },
    nothing: async () => ({
      lane: "plain",
      body: { to: self, data: "0x", value: 0n, gas: transferGas },
      fees: await plainPrice(),
    }),
    raised: (draft, tried, now, isLastChance) => {
      if (draft.lane === "blob") {
        const fees = isBlobFees(tried) ? replaceBlob(tried, now, limits, isLastChance) : draft.fees;
        return fees && { ...draft, fees };
      }
      return repriced(draft, isBlobFees(tried) ? draft.fees : replacePlain(tried, now, limits));
    },
    outbidding: (draft, tried, now) => {
      if (draft.lane === "blob") {
        const fees = isBlobFees(tried) ? replaceBlob(tried, now, limits) : draft.fees;
        return fees && { ...draft, fees };
      }
      return repriced(draft, isBlobFees(tried) ? draft.fees : outbidPlain(tried, limits));
    },
  };

  async function estimated(purpose: PurposeId, call: { to: Address; data: Hex; value: bigint }): Promise<bigint> {
    try {
      return await node.estimate(call);
    } catch (error) {
      if (!(error instanceof EstimateRefused)) throw error;
      if (error.revert === null) throw new SendRefused(purpose, "funds", error.message, error);
      throw new CallReverted(purpose, error.revert, error);
    }
  }

  /** The whole balance less exactly the fee: the gas limit is the estimate itself, so that nothing is left. */
  async function sweep(call: Call): Promise<Draft> {
    const [balance, fees] = await Promise.all([node.balance(), plainPrice()]);
    const gas = await estimated(call.purpose, { to: call.to, data: call.data, value: balance / 2n });
    const value = balance - gas * fees.gasPrice;
    if (value <= 0n) throw new SendRefused(call.purpose, "funds", "the balance does not cover the fee of moving it");
    return { lane: "plain", body: { to: call.to, data: call.data, value, gas }, fees };
  }
}

const isBlobFees = (fees: Draft["fees"]): fees is Extract<Draft, { lane: "blob" }>["fees"] => "maxFeePerGas" in fees;

type PlainDraft = Extract<Draft, { lane: "plain" }>;

/** Only a sweep moves value without data. */
const isSweep = ({ value, data }: PlainDraft["body"]): boolean => value > 0n && data === "0x";

/** A sweep's fee comes out of its value. `null` when nothing would be left to move. */
function repriced(draft: PlainDraft, fees: PlainDraft["fees"] | null): Draft | null {
  if (fees === null) return null;
  const { body } = draft;
  if (!isSweep(body)) return { ...draft, fees };
  const value = body.value - body.gas * (fees.gasPrice - draft.fees.gasPrice);
  return value <= 0n ? null : { lane: "plain", body: { ...body, value }, fees };
}

import { keccak256, parseTransaction } from "viem";
import { wei, type Address, type Hex } from "../schema/units.js";
import { GasTooExpensive, SendRefused } from "./errors.js";
import { payingPrice } from "./gas.js";
import type { Ledger } from "./ledger.js";
import { lcai } from "./money.js";
import type { SenderNode } from "./node.js";
import { parsePurpose } from "./purpose.js";
import type { Call, SentTx } from "./types.js";

/** What signing needs. */
export interface Preparing {
  readonly ledger: Ledger;
  readonly node: SenderNode;
  readonly chainId: number;
  /** Highest price per gas, wei. */
  readonly maxGasPrice: bigint;
  readonly nonceFrom: "pending" | "latest";
}

/** No call of a worker's life comes near this; an estimate beyond it is a contract gone wrong. */
const mostGas = 30_000_000n;

/**
 * Signs a call as a legacy transaction: the node's gas price and a tenth, its estimate and half as much again, as far as the balance reaches
 * (contracts reference §6.1). A sweep carries exactly its gas, and everything else as value.
 * @throws SendRefused (LF1230) when it would fail, GasTooExpensive (LF1233)
 */
export async function prepare(call: Call, by: Preparing): Promise<SentTx> {
  const { ledger, node } = by;
  const from = ledger.address;
  const [price, balance, nonce] = await Promise.all([
    affordablePrice(by),
    node.balance(from),
    node.nonce(from, by.nonceFrom),
  ]);
  // One wei stands for a sweep's value: an estimate over the whole balance would leave nothing for the gas it asks about.
  const value = call.sweep === true ? 1n : call.value;
  const estimate = await node.estimate({ from, to: call.to, value, data: call.data });
  if (!estimate.ok) throw new SendRefused(call.purpose, estimate.revert ?? estimate.reason);
  if (estimate.gas > mostGas) throw new SendRefused(call.purpose, `it would take ${estimate.gas} gas`);
  const money =
    call.sweep === true ? sweepMoney(estimate.gas, price, balance) : callMoney(call, estimate.gas, price, balance);
  if (typeof money === "string") throw new SendRefused(call.purpose, money);
  return signed(call, { from, nonce, price, ...money }, by);
}

/**
 * The same transaction at the same nonce, an eighth dearer at least (nodes ask for a tenth to replace one). A sweep sends as much less as the gas costs more.
 * `null` when that is beyond the highest price, or leaves a sweep nothing to send.
 * @param over what it has to be dearer than: our own transaction, or one whose price is not known, which is found by doubling
 */
export async function repriced(
  tx: SentTx,
  by: Omit<Preparing, "nonceFrom">,
  over: "our own" | "unknown" = "our own",
): Promise<SentTx | null> {
  const now = payingPrice(await by.node.gasPrice());
  const { to, value = 0n, data = "0x", gas = 0n, gasPrice: before = 0n } = parseTransaction(tx.raw);
  const least = (before * 9n + 7n) / 8n;
  const wanted = over === "unknown" ? before * 2n : least;
  const replacing = wanted > by.maxGasPrice ? least : wanted;
  const price = now > replacing ? now : replacing;
  const left = parsePurpose(tx.purpose)?.kind === "sweep" ? value - gas * (price - before) : value;
  if (price > by.maxGasPrice || left < 0n || to == null) return null;
  return signed({ purpose: tx.purpose, to, data }, { from: tx.from, nonce: tx.nonce, price, gas, value: left }, by);
}

/** Whether the node asks for more by now than the transaction pays. */
export async function isOutpriced(tx: SentTx, node: SenderNode): Promise<boolean> {
  return (await node.gasPrice()) > gasPriceOf(tx);
}

/** Price per gas of a signed transaction, wei: for a blob the most it may pay. */
export function gasPriceOf(tx: SentTx): bigint {
  const { gasPrice, maxFeePerGas } = parseTransaction(tx.raw);
  return gasPrice ?? maxFeePerGas ?? 0n;
}

async function affordablePrice({ node, maxGasPrice }: Preparing): Promise<bigint> {
  const asked = await node.gasPrice();
  if (asked > maxGasPrice) throw new GasTooExpensive(asked, maxGasPrice);
  const price = payingPrice(asked);
  return price < maxGasPrice ? price : maxGasPrice;
}

interface Amounts {
  readonly gas: bigint;
  readonly value: bigint;
}

function sweepMoney(gas: bigint, price: bigint, balance: bigint): Amounts | string {
  const value = balance - gas * price;
  return value > 0n ? { gas, value } : `${lcai(balance)} LCAI do not pay for their own move`;
}

function callMoney(call: Call, estimate: bigint, price: bigint, balance: bigint): Amounts | string {
  const wanted = (estimate * 3n + 1n) / 2n;
  const affordable = balance > call.value ? (balance - call.value) / price : 0n;
  const gas = wanted < affordable ? wanted : affordable;
  if (gas >= estimate) return { gas: gas < mostGas ? gas : mostGas, value: call.value };
  return `it needs ${lcai(call.value + estimate * price)} LCAI with its gas, and the account holds ${lcai(balance)}`;
}

async function signed(
  what: Pick<Call, "purpose" | "to" | "data">,
  how: { from: Address; nonce: number; price: bigint; gas: bigint; value: bigint },
  { ledger, chainId }: Pick<Preparing, "ledger" | "chainId">,
): Promise<SentTx> {
  const { from, nonce, price, gas, value } = how;
  const { purpose, to, data } = what;
  const raw: Hex = await ledger.sign({
    type: "legacy",
    chainId,
    nonce,
    gasPrice: price,
    gas,
    to,
    value: wei(value),
    data,
  });
  return { purpose, from, nonce, hash: keccak256(raw), raw, lane: "plain", outcome: "open", mined: null };
}

import type { Settings } from "../../schema/settings.js";
import type { BlobFees, PlainFees } from "./raw.js";

/** What the settings allow to be paid, in wei per gas. */
export interface FeeLimits {
  /** Basis points of the node's price that a plain transaction pays. */
  readonly multiplierBps: bigint;
  /** Never more than this per gas. */
  readonly maxGasPrice: bigint;
  /** First offer per blob gas. */
  readonly blobGasPrice: bigint;
}

/** What may be paid, from the settings. */
export const feeLimits = (settings: Settings["chain"]): FeeLimits => ({
  multiplierBps: BigInt(settings.gasPriceMultiplierBps),
  maxGasPrice: BigInt(settings.maxGasPriceWei),
  blobGasPrice: BigInt(settings.maxBlobGasPriceWei),
});

/** What the node says is usual now, in wei per gas. */
export interface NodePrices {
  readonly gasPrice: bigint;
  readonly priorityFee: bigint;
}

/** First price of a plain transaction: the node's, times the multiplier, within the cap. Source: sidecar reference §4.4. */
export const plainFees = (node: NodePrices, limits: FeeLimits): PlainFees => ({
  gasPrice: least((node.gasPrice * limits.multiplierBps) / 10_000n, limits.maxGasPrice),
});

/** First fees of a blob transaction: the cap as the limit per gas, the node's tip, a fixed offer per blob gas. Source: sidecar reference §4.3. */
export const blobFees = (node: NodePrices, limits: FeeLimits): BlobFees => ({
  maxFeePerGas: limits.maxGasPrice,
  maxPriorityFeePerGas: least(node.priorityFee, limits.maxGasPrice),
  maxFeePerBlobGas: limits.blobGasPrice,
});

/**
 * Price of a plain transaction that replaces one at the same nonce: at least an eighth more (nodes ask for a tenth), and no less than a new one would pay.
 * `null` when the cap leaves no room for what nodes ask.
 */
export function replacePlain(previous: PlainFees, node: NodePrices, limits: FeeLimits): PlainFees | null {
  const wanted = most(raised(previous.gasPrice, 1_125n), plainFees(node, limits).gasPrice);
  const enough = most(raised(previous.gasPrice, 1_100n), previous.gasPrice + 1n);
  if (enough > limits.maxGasPrice) return null;
  return { gasPrice: least(wanted, limits.maxGasPrice) };
}

/** Price that goes above a transaction whose price nobody here knows: double, within the cap. `null` when the cap is reached. */
export const outbidPlain = (tried: PlainFees, limits: FeeLimits): PlainFees | null =>
  tried.gasPrice >= limits.maxGasPrice ? null : { gasPrice: least(most(tried.gasPrice * 2n, 1n), limits.maxGasPrice) };

/** How often a blob's fees are doubled at most. */
const blobDoublings = 3n;

/**
 * Fees of a blob transaction that replaces one at the same nonce: all three doubled, as the blob pool asks (EIP-4844 pool rule: + 100 %).
 *
 * The limit per gas then stands above the cap, but it is a limit: what is paid is base fee and tip, so a replacement is made only while these are within the
 * cap. `null` otherwise, and after three doublings.
 * @param isLastChance one doubling more is allowed
 */
export function replaceBlob(
  previous: BlobFees,
  node: NodePrices,
  limits: FeeLimits,
  isLastChance = false,
): BlobFees | null {
  const doubled: BlobFees = {
    maxFeePerGas: previous.maxFeePerGas * 2n,
    maxPriorityFeePerGas: most(previous.maxPriorityFeePerGas * 2n, node.priorityFee, 1n),
    maxFeePerBlobGas: previous.maxFeePerBlobGas * 2n,
  };
  const tooOften = doubled.maxFeePerGas > limits.maxGasPrice << (isLastChance ? blobDoublings + 1n : blobDoublings);
  const tooDear = node.gasPrice > limits.maxGasPrice || doubled.maxPriorityFeePerGas > limits.maxGasPrice;
  return tooOften || tooDear ? null : doubled;
}

/** `amount` times `permille` / 1000, rounded up. */
const raised = (amount: bigint, permille: bigint): bigint => (amount * permille + 999n) / 1_000n;
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (...amounts: readonly bigint[]): bigint => amounts.reduce((a, b) => (a > b ? a : b));

import type { Wants } from "./host.js";

/** What models take when they are loaded. */
export interface Demand {
  readonly largest: { readonly name: string; readonly bytes: number };
  /** All of them at once. */
  readonly togetherBytes: number;
  /** Models whose size nobody knows beforehand. */
  readonly unknown: readonly string[];
}

/** Memory beside weights and context: compute graphs and the driver's own (bytes). */
const marginBytes = 1024 ** 3;
/** One token of context of a common model of 8 billion parameters (32 layers, 8 heads of 128, keys and values at 16 bit). */
const commonContextBytes = 131_072;

/**
 * What is needed to load the models: weights, context and a margin, or what was measured where that is more. A worker's Ollama never loads two at once
 * where only one fits, so the largest must fit. Pure.
 */
export function demandOf({ models, contextLength }: Pick<Wants, "models" | "contextLength">): Demand {
  const known = models.flatMap(({ name, diskBytes, memoryBytes, contextBytesPerToken }) => {
    if (diskBytes === null && memoryBytes === null) return [];
    const context = contextLength * (contextBytesPerToken ?? commonContextBytes);
    return [{ name, bytes: Math.max(memoryBytes ?? 0, (diskBytes ?? 0) + context) + marginBytes }];
  });
  return {
    largest: known.reduce((largest, one) => (one.bytes > largest.bytes ? one : largest), { name: "", bytes: 0 }),
    togetherBytes: known.reduce((sum, { bytes }) => sum + bytes, 0),
    unknown: models.filter((one) => one.diskBytes === null && one.memoryBytes === null).map(({ name }) => name),
  };
}

import type { Wants } from "../../schema/host.js";

/** What a model takes on a host; `null` where nobody has measured it. */
export type ModelNeeds = Wants["models"][number];

interface Figures {
  /** Weights (bytes). */
  readonly disk: number;
  /** Highest memory that was seen while it answered (bytes). */
  readonly memory: number;
  /** One token of context: layers × heads for keys and values × their size × 2 (keys, values) × 2 bytes, by the model's published architecture. */
  readonly context?: number;
}

const gb = (amount: number): number => amount * 1e9;

/**
 * The network's models by name. Weights and memory: the community's measurements on the cards that operators use (lightchain-ai-research, gpu-tests/RESULTS.md and
 * worker-setup), as published in July 2026. Context: the models' own configurations.
 */
const figures: Readonly<Record<string, Figures>> = {
  "llama3-8b": { disk: gb(4.3), memory: gb(6), context: 32 * 8 * 128 * 4 },
  "llama3-70b": { disk: gb(37), memory: gb(46), context: 80 * 8 * 128 * 4 },
  "gemma4:e2b": { disk: gb(6.7), memory: gb(9) },
  "qwen3-vl:8b": { disk: gb(5.7), memory: gb(10.2), context: 36 * 8 * 128 * 4 },
  "qwen3-vl:30b": { disk: gb(18), memory: gb(20.6), context: 48 * 4 * 128 * 4 },
  "glm-4.7-flash": { disk: gb(19), memory: gb(19.3) },
  "gpt-oss:20b": { disk: gb(12.8), memory: gb(12), context: 24 * 8 * 64 * 4 },
  "gpt-oss:120b": { disk: gb(65), memory: gb(60), context: 36 * 8 * 64 * 4 },
  "qwen3-embedding:0.6b": { disk: gb(0.6), memory: gb(5.4) },
  "qwen3-coder-next": { disk: gb(48), memory: gb(54.8) },
};

/** What is known of a model by its network name. Pure. */
export function needsOf(name: string): ModelNeeds {
  const known = Object.hasOwn(figures, name) ? figures[name] : undefined;
  return {
    name,
    diskBytes: known?.disk ?? null,
    memoryBytes: known?.memory ?? null,
    contextBytesPerToken: known?.context ?? null,
  };
}

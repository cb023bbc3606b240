/** Kinds of deltas a model gives. */
export type DeltaKind = "text" | "reasoning";

/** Gathers deltas into frames, in the order in which they were generated. */
export interface Batcher {
  add(kind: DeltaKind, text: string): void;
  /** Emits what is held: reasoning, then text. */
  flush(): void;
}

/**
 * The first delta goes out at once, because the consumer waits for it; later ones are held until there are `deltas` of them or `ms` have passed since the
 * first of the batch (looked at only when one arrives). When the kind changes, the other kind's batch goes first. Source: sidecar reference §3.6.
 */
export function createBatcher(options: {
  readonly deltas: number;
  readonly ms: number;
  readonly now: () => number;
  readonly emit: (kind: DeltaKind, text: string) => void;
}): Batcher {
  const held = { reasoning: newBatch(), text: newBatch() };
  let begun = false;

  const flushKind = (kind: DeltaKind): void => {
    const { pieces } = held[kind];
    held[kind] = newBatch();
    if (pieces.length > 0) options.emit(kind, pieces.join(""));
  };
  return {
    add: (kind, text) => {
      flushKind(kind === "text" ? "reasoning" : "text");
      const batch = held[kind];
      if (batch.pieces.length === 0) batch.sinceMs = options.now();
      batch.pieces.push(text);
      const full = batch.pieces.length >= options.deltas || options.now() - batch.sinceMs >= options.ms;
      if (!begun || full) flushKind(kind);
      begun = true;
    },
    flush: () => {
      flushKind("reasoning");
      flushKind("text");
    },
  };
}

const newBatch = (): { pieces: string[]; sinceMs: number } => ({ pieces: [], sinceMs: 0 });

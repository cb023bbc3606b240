import { open } from "../../protocol/envelope.js";
import type { ChunkFrame, RelayedComplete, RelayFrame } from "../../protocol/frames.js";
import { goText } from "../../protocol/go-text.js";
import type { JobId } from "../../schema/units.js";

/** What a frame brought: more text, or that what came before it is void because the worker began again. */
export interface StreamStep {
  readonly text: string;
  readonly restarted: boolean;
}

/** One job's stream as a consumer sees it, frame by frame (consumer reference §7.6). */
export interface AnswerStream {
  /** Takes a frame in the order of arrival. @returns `undefined` when it brings no text */
  take(frame: RelayFrame): StreamStep | undefined;
  /** The text streamed so far. */
  text(): string;
  /** The end, once it came. */
  end(): RelayedComplete | undefined;
}

/**
 * Reads the frames of one job; those of others, duplicates, unknown kinds and chunks that this key does not open are passed over.
 * @param key the session key
 */
export function createAnswerStream(job: JobId, key: Uint8Array): AnswerStream {
  let seen = new Map<number, string>();
  let text = "";
  let end: RelayedComplete | undefined;

  const takeChunk = (frame: ChunkFrame): StreamStep | undefined => {
    const payload = Buffer.from(frame.payload).toString("base64");
    const before = seen.get(frame.seq);
    if (before === payload) return undefined; // the relay repeats itself to whoever comes back
    const restarted = frame.seq === 1 && (before !== undefined || text !== "");
    if (before !== undefined && !restarted) return undefined;
    if (restarted) {
      seen = new Map();
      text = "";
    }
    seen.set(frame.seq, payload);
    if (frame.kind !== "text") return undefined;
    const piece = openText(key, frame.payload);
    if (piece === undefined) return undefined;
    text += piece;
    return { text: piece, restarted };
  };
  return {
    take: (frame) => {
      if (frame.type === "chunk" && frame.jobId === job && end === undefined) return takeChunk(frame);
      if (frame.type === "complete" && frame.jobId === job) end ??= frame;
      return undefined;
    },
    text: () => text,
    end: () => end,
  };
}

function openText(key: Uint8Array, envelope: Uint8Array): string | undefined {
  try {
    return goText(open(key, envelope));
  } catch {
    return undefined;
  }
}

import type { Problem, SidecarStatus } from "../../schema/control.js";

/** How long a run goes on waiting for a sidecar that is in trouble. */
export interface Patience {
  /** Milliseconds of trouble without any progress. */
  readonly ms: number;
  /** Which troubles count, by their code. Default: every one. */
  counts?(code: string): boolean;
}

/** What has been seen of a sidecar so far. */
export interface Seen {
  /** When it was last looked at (ms). */
  readonly at: number;
  /** Stands for how far it had come. */
  readonly progress: string;
  /** For how long it has been in trouble since it last came further (ms). */
  readonly troubledMs: number;
}

/** One look at a sidecar: what it says of itself, or why it says nothing. */
export type Look =
  | { readonly status: Pick<SidecarStatus, "trouble" | "rehearsed" | "registered" | "transactions" | "models"> }
  | { readonly silence: Problem };

/**
 * Adds one look. Only the time in which trouble is seen counts: a step that is tried again may take long, and takes the trouble back while it runs. Whatever brings the
 * worker further starts the count anew. Pure.
 */
export function look(before: Seen | undefined, now: number, seen: Look, patience: Patience): Seen {
  const progress = "status" in seen ? progressOf(seen.status) : (before?.progress ?? "");
  const trouble = troubleOf(seen);
  const counts = trouble !== null && (patience.counts?.(trouble.code) ?? true);
  if (before === undefined || before.progress !== progress) return { at: now, progress, troubledMs: 0 };
  return { at: now, progress, troubledMs: before.troubledMs + (counts ? now - before.at : 0) };
}

/** How long it is to the next look (ms): a tenth of the wait so far, for each look at a machine that is far away starts a program there. Pure. */
export const nextLookMs = (waitedMs: number): number => Math.min(2_000, Math.max(200, waitedMs / 10));

/** What a look says of trouble. */
export const troubleOf = (seen: Look): Problem | null => ("status" in seen ? seen.status.trouble : seen.silence);

const progressOf = ({ rehearsed, registered, transactions, models }: Extract<Look, { status: unknown }>["status"]) =>
  [
    rehearsed,
    registered,
    ...transactions.map(({ hash, outcome }) => hash + outcome),
    ...models.map(({ supported, eligible }) => `${supported}${eligible}`),
  ].join(" ");

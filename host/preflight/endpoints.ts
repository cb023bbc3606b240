import { createConnection } from "node:net";
import { once } from "node:events";
import type { Wants } from "../../schema/host.js";
import { describeError } from "../../schema/errors.js";

/** What one of the network's endpoints answered. */
export interface Answer {
  readonly name: string;
  readonly url: string;
  /** HTTP status; `null` for an endpoint that no HTTP request was made to, or that did not answer. */
  readonly status: number | null;
  /** Why it did not answer; `null` when it did. */
  readonly trouble: string | null;
  /** How far this machine's clock is ahead of the date in the answer (ms); `null` when it has none. */
  readonly aheadMs: number | null;
}

/** How long an endpoint may take (ms). */
const answerMs = 5_000;

/** Asks every endpoint at once. Any answer counts as one, refusals too: what matters is the way there. */
export const askEndpoints = (endpoints: Wants["endpoints"]): Promise<readonly Answer[]> =>
  Promise.all(endpoints.map(askEndpoint));

async function askEndpoint({ name, url }: Wants["endpoints"][number]): Promise<Answer> {
  const none = { name, url, status: null, aheadMs: null };
  const signal = AbortSignal.timeout(answerMs);
  try {
    if (!/^https?:/.test(url)) {
      await connect(new URL(url), signal);
      return { ...none, trouble: null };
    }
    const begun = Date.now();
    const response = await fetch(url, { signal, redirect: "manual" });
    const ended = Date.now();
    await response.body?.cancel();
    const aheadMs = clockAhead(response.headers.get("date"), begun, ended);
    return { name, url, status: response.status, trouble: null, aheadMs };
  } catch (error) {
    return { ...none, trouble: signal.aborted ? `no answer within ${answerMs / 1_000} s` : reasonOf(error) };
  }
}

/**
 * How far a clock is ahead of a server's date (ms), given when the request was sent and its answer came by that clock. A date has whole seconds: as long as
 * it may be right, nothing is ahead. `null` for a date that cannot be read. Pure.
 */
export function clockAhead(date: string | null, sentMs: number, cameMs: number): number | null {
  const from = Date.parse(date ?? "");
  if (Number.isNaN(from)) return null;
  const to = from + 999;
  if (cameMs < from) return cameMs - from;
  return sentMs > to ? sentMs - to : 0;
}

async function connect(url: URL, signal: AbortSignal): Promise<void> {
  const port = url.port === "" ? (url.protocol === "wss:" ? 443 : 80) : Number(url.port);
  const socket = createConnection({ host: url.hostname.replace(/^\[|\]$/g, ""), port });
  try {
    await once(socket, "connect", { signal });
  } finally {
    socket.destroy();
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : describeError(cause);
}

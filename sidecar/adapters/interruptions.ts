import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "../../system/log.js";

/*
 * A spot machine that AWS takes back says so two minutes before, in its metadata. Source: EC2 User Guide, "Spot Instance interruption notices"; IMDSv2.
 */

/** That the machine will be stopped. */
export interface Interruption {
  readonly what: string;
  /** When (Unix ms), by the machine's own clock. */
  readonly atMs: number;
}

/** Where a machine finds what is known of it, unless its environment says otherwise. */
const usualEndpoint = "http://169.254.169.254";
/** Between two looks (ms): AWS asks for as much. */
const lookMs = 5_000;
/** Longest that one question may take (ms). */
const answerMs = 2_000;
/** How long the token that each question needs is good (s). */
const tokenSeconds = 21_600;

/** Looks at the machine's metadata for a notice. */
export function createInterruptions({
  endpoint = process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? usualEndpoint,
  log,
  everyMs = lookMs,
}: {
  readonly endpoint?: string;
  readonly log: Logger;
  readonly everyMs?: number;
}) {
  let token: string | undefined;
  const ask = (path: string, init: RequestInit): Promise<Response> =>
    fetch(new URL(path, endpoint), { ...init, signal: AbortSignal.timeout(answerMs) });

  async function asked(): Promise<Response> {
    token ??= await ask("/latest/api/token", {
      method: "PUT",
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": String(tokenSeconds) },
    }).then((answer) => (answer.ok ? answer.text() : undefined));
    const headers = { "x-aws-ec2-metadata-token": token ?? "" };
    return ask("/latest/meta-data/spot/instance-action", { headers });
  }

  /** The notice there is; `null`: none, or nobody answers, which so is no reason to stop. */
  async function look(): Promise<Interruption | null> {
    try {
      const answer = await asked();
      if (answer.status === 401) token = undefined;
      if (answer.status !== 200) return null;
      const { action, time } = (await answer.json()) as { action?: unknown; time?: unknown };
      const atMs = Date.parse(String(time));
      return { what: String(action), atMs: Number.isNaN(atMs) ? Date.now() : atMs };
    } catch (error) {
      log.debug({ err: error }, "no answer about interruptions");
      return null;
    }
  }

  return {
    look,
    /** Resolves with the first notice, or never once `signal` aborts. */
    next: async (signal: AbortSignal): Promise<Interruption> => {
      for (;;) {
        const found = await look();
        // The signal may have come while the question was on its way.
        if (signal.aborted) return new Promise<never>(() => undefined);
        if (found !== null) return found;
        await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    },
  };
}

import { modelIdOf } from "../../protocol/model-id.js";
import { describeError } from "../../schema/errors.js";
import type { Parts } from "../parts.js";

/** Pause after a failed login or heartbeat, in ms, where that is shorter than the heartbeat's own. */
const afterFailureMs = 2_000;

/** Keeps the worker known to its gateway while it is wanted: login, stream, heartbeats. */
export interface GatewayLink {
  /** Whether the gateway is wanted, and whether it may send new sessions our way. */
  want(wanted: { readonly linked: boolean; readonly draining: boolean }): void;
  /** Logged in, and the stream is open. */
  readonly live: boolean;
  /** Wall time of the last heartbeat that was taken, Unix ms. */
  readonly lastHeartbeatMs: number | null;
  /** Why it is not live although it is wanted; `null` when all is well. */
  readonly trouble: unknown;
  start(): void;
  stop(): Promise<void>;
}

/** @param activeJobs how many jobs are being worked on, for the heartbeat */
export function createGatewayLink(
  parts: Pick<Parts, "ports" | "settings" | "clock" | "log" | "metrics">,
  activeJobs: () => number,
): GatewayLink {
  const { settings, clock, log, metrics } = parts;
  const { gateway } = parts.ports;
  const stopping = new AbortController();
  let wake = new AbortController();
  let wanted = { linked: false, draining: false };
  let linked = false;
  let told: boolean | null = null;
  let lastHeartbeatMs: number | null = null;
  let trouble: unknown = null;
  let running: Promise<void> | undefined;

  const round = async (): Promise<void> => {
    if (!wanted.linked) {
      if (linked) await gateway.close();
      linked = false;
      told = null;
      return;
    }
    if (!linked) {
      await gateway.login();
      log.info("logged in at the gateway");
      gateway.open();
      linked = true;
    }
    if (told !== wanted.draining) {
      const draining = wanted.draining;
      await (draining ? gateway.drain() : gateway.undrain());
      told = draining;
    }
    const models = settings.models.map((name) => modelIdOf(name));
    await gateway.heartbeat({ activeJobs: activeJobs(), maxJobs: settings.jobs.maxConcurrentJobs, models });
    lastHeartbeatMs = clock.now();
    metrics.heartbeat.set(lastHeartbeatMs / 1_000);
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      let pauseMs = settings.services.heartbeatMs;
      try {
        await round();
        trouble = null;
      } catch (error) {
        if (trouble === null) log.warn({ reason: describeError(error) }, "the gateway does not take us");
        trouble = error;
        pauseMs = Math.min(pauseMs, afterFailureMs);
      }
      await clock.sleep(pauseMs, AbortSignal.any([stopping.signal, wake.signal]));
    }
  };

  return {
    want: (next) => {
      if (next.linked === wanted.linked && next.draining === wanted.draining) return;
      wanted = next;
      wake.abort();
    },
    get live() {
      return linked && gateway.connected;
    },
    get lastHeartbeatMs() {
      return lastHeartbeatMs;
    },
    get trouble() {
      return trouble;
    },
    start: () => {
      running ??= loop();
    },
    stop: async () => {
      stopping.abort();
      await running;
      if (linked) await gateway.close();
      linked = false;
    },
  };
}

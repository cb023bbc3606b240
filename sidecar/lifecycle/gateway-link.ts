import { describeError } from "../../schema/errors.js";
import type { ModelId } from "../../schema/units.js";
import type { Parts } from "../parts.js";
import type { Selection } from "../ports.js";

/** Pause after a failed login or heartbeat, in ms, where that is shorter than the heartbeat's own. */
const afterFailureMs = 2_000;

/** What is wanted of the gateway. */
export interface LinkWanted {
  readonly linked: boolean;
  /** No new session should come our way. */
  readonly draining: boolean;
  /** Decides which stream is kept: the one for answers where sessions are claimed, the one of jobs where a dispatcher gives them out. */
  readonly selection: Selection;
}

/** Keeps the worker known to its gateway while it is wanted: login, stream, heartbeats. */
export interface GatewayLink {
  want(wanted: LinkWanted): void;
  /** Logged in, and the stream that the network's way of selection needs is open. */
  readonly live: boolean;
  /** Wall time of the last heartbeat that was taken, Unix ms. */
  readonly lastHeartbeatMs: number | null;
  /** Why it is not live although it is wanted; `null` when all is well. */
  readonly trouble: unknown;
  start(): void;
  stop(): Promise<void>;
}

/** What heartbeats tell. */
export interface Beat {
  /** Jobs being worked on. */
  activeJobs(): number;
  /** Models that a session may be given for. */
  models(): readonly ModelId[];
}

/** Keeps login, stream and drain as they are wanted, whatever the gateway does. */
export function createGatewayLink(
  parts: Pick<Parts, "ports" | "settings" | "clock" | "log" | "metrics">,
  beat: Beat,
): GatewayLink {
  const { settings, clock, log, metrics } = parts;
  const { gateway, jobStream } = parts.ports;
  const { maxConcurrentJobs: maxJobs } = settings.jobs;
  const stopping = new AbortController();
  let wake = new AbortController();
  let wanted: LinkWanted = { linked: false, draining: false, selection: "sortition" };
  /** Logged in, with the stream for this way of selection; `null`: not linked. */
  let linked: Selection | null = null;
  let told: boolean | null = null;
  let lastHeartbeatMs: number | null = null;
  let trouble: unknown = null;
  let running: Promise<void> | undefined;

  const hangUp = async (): Promise<void> => {
    const from = linked;
    linked = null;
    if (from === "sortition") await gateway.close();
    if (from === "dispatcher") await jobStream.close();
  };
  const round = async (): Promise<void> => {
    const { selection } = wanted;
    if (!wanted.linked) {
      await hangUp();
      told = null;
      return;
    }
    if (linked !== selection) {
      await hangUp();
      await gateway.login();
      log.info({ selection }, "logged in at the gateway");
      if (selection === "sortition") gateway.open();
      else jobStream.open(maxJobs);
      linked = selection;
    }
    if (told !== wanted.draining) {
      const draining = wanted.draining;
      await (draining ? gateway.drain() : gateway.undrain());
      told = draining;
    }
    await gateway.heartbeat({ activeJobs: beat.activeJobs(), maxJobs, models: beat.models() });
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
      const { linked: asBefore, draining, selection } = wanted;
      if (next.linked === asBefore && next.draining === draining && next.selection === selection) return;
      wanted = next;
      wake.abort();
    },
    get live() {
      return linked !== null && (linked === "sortition" ? gateway : jobStream).connected;
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
      await hangUp();
    },
  };
}

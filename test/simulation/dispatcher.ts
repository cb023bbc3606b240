import type { JobId } from "../../schema/units.js";
import type { JobOffer, JobStream } from "../../sidecar/ports.js";
import { worker, type World } from "./world.js";

/** How often the dispatcher looks whom to offer what, ms. */
const tickMs = 250;
/** An offer that was not acknowledged is made again after this, ms. */
const ackWithinMs = 5_000;
/** An offer is made at most this often. */
const mostOffers = 5;

interface Entry {
  readonly offer: JobOffer;
  offers: number;
  acked: boolean;
  nextMs: number;
  over: boolean;
}

/** The network's dispatcher, as the worker's job stream meets it; survives the sidecar's crashes. */
export interface Dispatcher {
  /** Every word of the worker, in order. */
  readonly said: ({ ready: number } | { ack: JobId } | { done: JobId; error: string | null })[];
  /** Tells nobody of anything while true: only the chain does. */
  silent: boolean;
  /** Whom it would talk to now. */
  readonly connected: boolean;
  /** Makes an offer now, whatever it says. @returns whether somebody heard it */
  offer(offer: JobOffer): boolean;
  /** The connection breaks; the worker comes back by itself a second later. */
  cut(): void;
  /** The worker's end of the stream, for one run of its process, which is over when `isAlive` says so. */
  stream(isAlive: () => boolean): JobStream;
}

/** Offers each job that is submitted in dispatcher mode until it is done, as often as it may. */
export function createDispatcher(world: World): Dispatcher {
  const entries = new Map<JobId, Entry>();
  const said: Dispatcher["said"] = [];
  let listener: { readonly hear: (offer: JobOffer) => void; readonly isAlive: () => boolean } | undefined;
  let cutUntilMs = 0;
  const isConnected = (): boolean => listener?.isAlive() === true && world.clock.now() >= cutUntilMs;

  const lose = (): void => {
    for (const entry of entries.values()) {
      entry.acked = false;
      entry.nextMs = world.clock.now();
    }
  };
  const dispatcher: Dispatcher = {
    said,
    silent: false,
    get connected() {
      return isConnected();
    },
    offer: (offer) => {
      if (!isConnected()) return false;
      listener?.hear(offer);
      return true;
    },
    cut: () => {
      cutUntilMs = world.clock.now() + 1_000;
      lose();
    },
    stream: (isAlive) => {
      let heard: (offer: JobOffer) => void = () => undefined;
      let own: typeof listener;
      const speaks = (): boolean => own !== undefined && listener === own && isConnected();
      return {
        open: (slots) => {
          own = { isAlive, hear: (offer) => heard(offer) };
          listener = own;
          lose();
          said.push({ ready: slots });
        },
        onOffer: (listen) => {
          heard = listen;
          return () => (heard = () => undefined);
        },
        ack: (job) => {
          if (!speaks()) return;
          said.push({ ack: job });
          const entry = entries.get(job);
          if (entry !== undefined) entry.acked = true;
        },
        done: (job, error) => {
          if (!speaks()) return;
          said.push({ done: job, error });
          const entry = entries.get(job);
          if (entry === undefined) return;
          if (error === null) entry.over = true;
          entry.acked = false;
          entry.nextMs = world.clock.now() + 1_000;
        },
        get connected() {
          return speaks();
        },
        close: async () => {
          if (listener === own) listener = undefined;
          own = undefined;
        },
      };
    },
  };
  let read = 0;
  world.clock.every(tickMs, () => {
    for (; read < world.jobLogs.length; read++) {
      const { job, session } = world.jobLogs[read]!;
      if (world.selection !== "dispatcher" || world.jobs.get(job)?.worker !== worker) continue;
      const priorJobs = world.jobLogs.filter((log) => log.session === session && log.job < job).map((log) => log.job);
      entries.set(job, {
        offer: { job, session, worker, priorJobs },
        ...{ offers: 0, acked: false, nextMs: 0, over: false },
      });
    }
    if (dispatcher.silent) return;
    for (const entry of entries.values()) {
      if (entry.over || entry.acked || entry.offers >= mostOffers || entry.nextMs > world.clock.now()) continue;
      if (!dispatcher.offer(entry.offer)) continue;
      entry.offers++;
      entry.nextMs = Math.max(entry.nextMs, world.clock.now() + ackWithinMs);
    }
  });
  return dispatcher;
}

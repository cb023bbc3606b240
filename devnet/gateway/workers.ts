import type { z } from "zod";
import type { heartbeatSchema } from "../../protocol/heartbeat.js";
import type { Address } from "../../schema/units.js";
import type { Clock } from "../../system/clock.js";

/** A heartbeat as it was taken. */
export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** The last that a worker let the gateway know. */
export interface WorkerHeartbeat {
  readonly worker: Address;
  readonly heartbeat: Heartbeat;
  /** When it came, Unix milliseconds. */
  readonly at: number;
  /** Whether about three beats were missed since. */
  readonly isStale: boolean;
}

/** What the gateway remembers of workers. */
export interface Workers {
  beat(worker: Address, heartbeat: Heartbeat): void;
  drain(worker: Address): void;
  undrain(worker: Address): void;
  violation(worker: Address): void;
  heartbeats(): WorkerHeartbeat[];
  /** Workers that asked not to be chosen, as long as that lasts. */
  drained(): Address[];
  /** How often a worker sent something that it must not. */
  violations(worker: Address): number;
}

/** A heartbeat older than this is stale: three intervals of 10 s. */
const STALE_MS = 30_000;
/** How long a drain lasts when nobody ends it. */
const DRAIN_MS = 24 * 3600 * 1000;

/** Remembers nothing yet. */
export function createWorkers(clock: Clock): Workers {
  const beats = new Map<Address, { heartbeat: Heartbeat; at: number }>();
  const drainsUntil = new Map<Address, number>();
  const violations = new Map<Address, number>();
  return {
    beat: (worker, heartbeat) => beats.set(worker, { heartbeat, at: clock.now() }),
    drain: (worker) => drainsUntil.set(worker, clock.now() + DRAIN_MS),
    undrain: (worker) => drainsUntil.delete(worker),
    violation: (worker) => violations.set(worker, (violations.get(worker) ?? 0) + 1),
    heartbeats: () =>
      [...beats].map(([worker, { heartbeat, at }]) => ({
        worker,
        heartbeat,
        at,
        isStale: clock.now() - at > STALE_MS,
      })),
    drained: () => [...drainsUntil].filter(([, until]) => clock.now() < until).map(([worker]) => worker),
    violations: (worker) => violations.get(worker) ?? 0,
  };
}

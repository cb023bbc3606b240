import type { Registry } from "prom-client";
import type { Clock } from "../../system/clock.js";
import { startLoop, stopWithLast } from "../../system/loop.js";
import { pointsOf, type Point, type Totals } from "./published.js";

/** Between two points (ms). */
export const pointMs = 60_000;

/** Sends metrics somewhere, again and again. */
export interface Publisher {
  /** Ends it with a last point, in so many milliseconds at most. */
  stop(withinMs: number): Promise<void>;
}

/**
 * The first point goes out at once. What was counted and did not arrive goes with a later point.
 * @param send rejects when it did not arrive
 * @param failed is told why
 */
export function startPublisher(given: {
  readonly registry: Registry;
  readonly gpu: boolean;
  readonly send: (points: readonly Point[]) => Promise<void>;
  readonly failed: (error: unknown) => void;
  readonly clock: Clock;
}): Publisher {
  const { registry, gpu, send, failed, clock } = given;
  let sent: Totals = {};
  const round = async (): Promise<void> => {
    const { points, totals } = pointsOf(await registry.getMetricsAsJSON(), sent, gpu);
    await send(points);
    sent = totals;
  };
  const loop = startLoop({ round, pauseMs: pointMs, clock, onError: failed });
  return { stop: (withinMs) => stopWithLast(loop, { round, withinMs, clock, onError: failed }) };
}

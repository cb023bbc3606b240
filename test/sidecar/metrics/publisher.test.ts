import { beforeEach, expect, test } from "vitest";
import { createMetrics, type Metrics } from "../../../sidecar/metrics/metrics.js";
import type { Point } from "../../../sidecar/metrics/published.js";
import { startPublisher } from "../../../sidecar/metrics/publisher.js";
import { seldom } from "../../../sidecar/metrics/seldom.js";
import { createLogger } from "../../../system/log.js";
import { createVirtualClock, type VirtualClock } from "../../simulation/virtual-clock.js";

let clock: VirtualClock;
let metrics: Metrics;
let tries: (readonly Point[])[];
let said: string[];
/** What becomes of a try. */
let fate: () => Promise<void>;
beforeEach(() => {
  [clock, metrics, tries, said, fate] = [createVirtualClock(), createMetrics(), [], [], async () => undefined];
});
const start = () =>
  startPublisher({
    ...{ registry: metrics.registry, gpu: true, clock },
    send: (points) => (tries.push(points), fate()),
    failed: seldom("nobody is told", {
      log: createLogger("test", { destination: { write: (line) => void said.push(line) } }),
      clock,
    }),
  });
const refuse = (): void => void (fate = () => Promise.reject(new Error("AccessDenied")));
const jobsOf = (points: readonly Point[] | undefined) =>
  points?.find(({ name }) => name === "worker_jobs_total")?.value;

test("the first point goes out at once, one a minute follows, and a last one at the end", async () => {
  const publisher = start();
  await clock.run(0);
  expect(tries).toHaveLength(1);
  await clock.run(59_999);
  expect(tries).toHaveLength(1);
  await clock.run(1);
  expect(tries).toHaveLength(2);
  metrics.jobDone("llama3-8b", "ok", "", 1);
  await publisher.stop(2_000);
  expect(tries.map(jobsOf)).toEqual([undefined, undefined, 1]);
  await clock.run(600_000);
  expect(tries).toHaveLength(3);
});

test("jobs that nobody could be told of are told of later, once", async () => {
  start();
  await clock.run(0);
  refuse();
  metrics.jobDone("llama3-8b", "ok", "", 1);
  await clock.run(60_000);
  metrics.jobDone("llama3-8b", "ok", "", 1);
  await clock.run(60_000);
  fate = async () => undefined;
  await clock.run(60_000);
  await clock.run(60_000);
  expect(tries.map(jobsOf)).toEqual([undefined, 1, 2, 2, undefined]);
});

test("a failure is said with its reason, once an hour at most", async () => {
  refuse();
  start();
  await clock.run(0);
  expect(said).toHaveLength(1);
  expect(said[0]).toContain("AccessDenied");
  await clock.run(3_500_000);
  expect(said).toHaveLength(1);
  await clock.run(3_600_000);
  expect(said).toHaveLength(2);
});

test("an end is not held by a call that does not end", async () => {
  fate = () => new Promise(() => undefined);
  const publisher = start();
  let ended = false;
  void publisher.stop(2_000).then(() => (ended = true));
  await clock.run(1_999);
  expect(ended).toBe(false);
  await clock.run(1);
  expect(ended).toBe(true);
});

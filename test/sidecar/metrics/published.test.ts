import { expect, test } from "vitest";
import { createMetrics, type Metrics } from "../../../sidecar/metrics/metrics.js";
import { pointsOf, type Totals } from "../../../sidecar/metrics/published.js";

const nothing: Totals = {};
async function sent(act: (metrics: Metrics) => void, { before = nothing, gpu = true } = {}): Promise<object> {
  const metrics = createMetrics({ diskFree: async () => 0.25 });
  act(metrics);
  const { points } = pointsOf(await metrics.registry.getMetricsAsJSON(), before, gpu);
  return Object.fromEntries(points.map(({ name, value }) => [name, value]));
}
const done = (metrics: Metrics): void => metrics.jobDone("llama3-8b", "ok", "", 1);

test.each<[what: string, act: (metrics: Metrics) => void, points: object]>([
  ["nothing is known yet", () => undefined, {}],
  ["Ollama answers, and no model is loaded", (one) => one.ollamaUp.set(1), { worker_ollama_up: 1 }],
  ["Ollama does not answer", (one) => one.ollamaUp.set(0), { worker_ollama_up: 0 }],
  ["a model is on the GPU", (one) => one.gpuUsed(true), { worker_gpu_used: 1 }],
  ["all models are on the CPU", (one) => one.gpuUsed(false), { worker_gpu_used: 0 }],
  ["one was on the GPU, and none is loaded now", (one) => (one.gpuUsed(true), one.gpuUsed(null)), {}],
  [
    "jobs ended, of several kinds",
    (one) => (done(one), done(one), one.jobDone("llama3-70b", "error", "deadline", 1)),
    { worker_jobs_total: 3 },
  ],
  ["gas is low", (one) => one.alarms.inc({ code: "LF1463" }), { worker_alarms_gas: 1 }],
  ["an offence was counted", (one) => one.alarms.inc({ code: "LF1461" }), { worker_alarms_offence: 1 }],
  ["the machine is taken back", (one) => one.alarms.inc({ code: "LF1464" }), { worker_alarms_interruption: 1 }],
  [
    "other alarms were raised",
    (one) => (one.alarms.inc({ code: "LF1404" }), one.alarms.inc({ code: "LF1412" }, 2)),
    { worker_alarms_other: 3 },
  ],
])("%s: CloudWatch is told so, and nothing that is not known", async (_, act, points) => {
  expect(await sent(act)).toEqual({ worker_up: 1, worker_disk_free_ratio: 0.25, ...points });
});

test("of a worker that is to compute on the CPU nothing is told of a GPU", async () =>
  expect(await sent((one) => one.gpuUsed(false), { gpu: false })).not.toHaveProperty("worker_gpu_used"));

test("a disk that nobody can ask is not full", async () => {
  const { registry } = createMetrics({ diskFree: async () => null });
  const { points } = pointsOf(await registry.getMetricsAsJSON(), {}, true);
  expect(points.map(({ name }) => name)).toEqual(["worker_up"]);
});

test("what was counted is told once", async () => {
  const metrics = createMetrics();
  const told = async (before: Totals) => pointsOf(await metrics.registry.getMetricsAsJSON(), before, true);
  done(metrics);
  const first = await told({});
  expect(first.points).toContainEqual({ name: "worker_jobs_total", value: 1 });
  expect((await told(first.totals)).points.map(({ name }) => name)).not.toContain("worker_jobs_total");
  done(metrics);
  done(metrics);
  expect((await told(first.totals)).points).toContainEqual({ name: "worker_jobs_total", value: 2 });
});

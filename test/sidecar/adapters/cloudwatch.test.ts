import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startCloudWatch, type CloudWatch } from "../../../sidecar/adapters/cloudwatch.js";
import { createMetrics, type Metrics } from "../../../sidecar/metrics/metrics.js";
import { systemClock, type Clock } from "../../../system/clock.js";
import { createLogger, type Branching, type Logger } from "../../../system/log.js";

/** An SDK is loaded with the first call of its kind. */
const soon = { timeout: 15_000 };

/** A call as it came over the wire. */
interface Call {
  readonly action: string;
  readonly asked: Record<string, unknown>;
}

let server: Server;
let calls: Call[];
/** How a call is refused; `undefined`: it is not. `"never"`: it is not answered at all. */
let refusal: (action: string) => string | undefined;
let metrics: Metrics;
let lines: Pick<Branching, "also">;
let said: string[];
let log: Logger;
let open: CloudWatch | undefined;

beforeEach(async () => {
  const [heard, written]: [Call[], string[]] = [[], []]; // a former test's worker has its own
  [calls, said, refusal, open] = [heard, written, () => undefined, undefined];
  const branches: { write(line: string): void }[] = [];
  lines = { also: (_, branch) => void branches.push(branch) };
  metrics = createMetrics();
  log = createLogger("test", {
    destination: { write: (line) => (written.push(line), branches[0]?.write(line)) },
  });
  server = createServer((request, response) => {
    void text(request).then((body) => {
      const action = String(request.headers["x-amz-target"]).split(".").at(-1)!;
      heard.push({ action, asked: JSON.parse(body) as Record<string, unknown> });
      const refused = refusal(action);
      if (refused === "never") return;
      response.writeHead(refused === undefined ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
      response.end(JSON.stringify(refused === undefined ? {} : { __type: refused, message: "as AWS says it" }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "of-the-tests-alone");
});
afterEach(async () => {
  await open?.close();
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

function start(dimensions: Readonly<Record<string, string>> | null = { Worker: "anna" }, clock: Clock = systemClock) {
  const cloudwatch = { region: "eu-central-1", dimensions, gpu: false, logGroup: "/lightchain/a" };
  const settings = { worker: "anna", cloudwatch };
  open = startCloudWatch({ settings, registry: metrics.registry, lines, log, clock, everyMs: 20 });
  return open;
}
const called = (action: string): Call[] => calls.filter((call) => call.action === action);
const linesSent = (): string[] =>
  called("PutLogEvents").flatMap(({ asked }) =>
    (asked["logEvents"] as { message: string }[]).map(({ message }) => (JSON.parse(message) as { msg: string }).msg),
  );

test("metrics go out at once, in the worker's own name and in no name space but ours", async () => {
  start();
  await expect.poll(() => called("PutMetricData"), soon).toHaveLength(1);
  expect(called("PutMetricData")[0]!.asked).toMatchObject({
    Namespace: "Lightchain",
    MetricData: [{ MetricName: "worker_up", Value: 1, Dimensions: [{ Name: "Worker", Value: "anna" }] }],
  });
});

test("lines of the log go to a stream of this run's, in their order", async () => {
  start();
  for (const word of ["one", "two", "three"]) log.info(word);
  await expect.poll(linesSent, soon).toEqual(["CloudWatch is told", "one", "two", "three"]);
  const [{ asked: made }] = called("CreateLogStream") as [Call];
  expect(made["logGroupName"]).toBe("/lightchain/a");
  expect(made["logStreamName"]).toMatch(/^anna\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/);
  expect(called("CreateLogStream")).toHaveLength(1);
  expect(called("PutLogEvents")[0]!.asked).toMatchObject(made);
});

test("where only lines are wanted no metric is sent", async () => {
  start(null);
  await expect.poll(linesSent, soon).toEqual(["CloudWatch is told"]);
  await open!.close();
  expect(called("PutMetricData")).toEqual([]);
});

test("at the end there is a last point, and the last line goes out", async () => {
  const watched = start();
  await expect.poll(() => called("PutMetricData"), soon).toHaveLength(1);
  await expect.poll(linesSent, soon).toHaveLength(1);
  metrics.jobDone("llama3-8b", "ok", "", 1);
  log.info("the last word");
  await watched.close();
  expect(called("PutMetricData").at(-1)!.asked["MetricData"]).toContainEqual(
    expect.objectContaining({ MetricName: "worker_jobs_total", Value: 1 }),
  );
  expect(linesSent().at(-1)).toBe("the last word");
});

test("an end waits two seconds at most for a CloudWatch that does not answer", async () => {
  refusal = () => "never";
  const waits: number[] = [];
  const sleep: Clock["sleep"] = (ms, signal) => (waits.push(ms), systemClock.sleep(ms / 100, signal));
  const watched = start(undefined, { ...systemClock, sleep });
  await expect.poll(() => calls.length, soon).toBeGreaterThan(0);
  waits.length = 0;
  await watched.close();
  expect(Math.max(...waits)).toBe(2_000);
});

test("a refusal is said once for each, and what was not taken goes out when it is", async () => {
  refusal = () => "AccessDeniedException";
  start();
  log.info("one");
  await expect.poll(() => called("CreateLogStream").length, soon).toBeGreaterThan(3);
  expect(said.filter((line) => line.includes("CloudWatch does not get"))).toHaveLength(2);
  refusal = () => undefined;
  await expect.poll(linesSent, soon).toContain("one");
  expect(linesSent().filter((line) => line === "one")).toHaveLength(1);
});

test("a stream that somebody took away is made again, and one that is there already is taken", async () => {
  start();
  await expect.poll(linesSent, soon).toHaveLength(1);
  refusal = (action) => (action === "PutLogEvents" ? "ResourceNotFoundException" : "ResourceAlreadyExistsException");
  log.info("lost?");
  await expect.poll(() => called("CreateLogStream").length, soon).toBeGreaterThan(1);
  refusal = (action) => (action === "CreateLogStream" ? "ResourceAlreadyExistsException" : undefined);
  const before = linesSent().length;
  await expect.poll(() => linesSent().slice(before), soon).toContain("lost?");
});

test("lines that CloudWatch will never take do not stand before the others, and are counted", async () => {
  start();
  await expect.poll(linesSent, soon).toHaveLength(1);
  refusal = (action) => (action === "PutLogEvents" ? "InvalidParameterException" : undefined);
  log.info("not for you");
  await expect.poll(() => linesSent().at(-1), soon).toMatch(/does not get/);
  refusal = () => undefined;
  log.info("for you");
  await expect.poll(linesSent, soon).toContain("log lines did not get to CloudWatch");
});

import type { Registry } from "prom-client";
import type { Settings } from "../../schema/settings.js";
import type { Clock } from "../../system/clock.js";
import type { Branching, Logger } from "../../system/log.js";
import { startLoop, stopWithLast } from "../../system/loop.js";
import type { Point } from "../metrics/published.js";
import { startPublisher } from "../metrics/publisher.js";
import { seldom } from "../metrics/seldom.js";
import { createLogLines, type LogLine } from "./log-lines.js";

/*
 * The sidecar's metrics and log lines to CloudWatch, by the role of the machine: whatever AWS's SDK finds, and no setting of ours. Nothing of it may harm a job: it runs beside the worker,
 * fails without a throw, and is bounded in time and memory.
 */

/** Where metrics are found there; the machine's role may write to this name space alone. */
export const namespace = "Lightchain";
/** Between two looks at what waits (ms). */
const linesMs = 5_000;
/** How long the end may take (ms). */
const endMs = 2_000;

/** What is sent, as long as it is open. */
export interface CloudWatch {
  /** Sends what is left, for a moment. Never rejects. */
  close(): Promise<void>;
}

/** What of the sidecar's is sent. */
export interface Sent {
  readonly settings: Pick<Settings, "worker"> & { readonly cloudwatch: NonNullable<Settings["cloudwatch"]> };
  readonly registry: Registry;
  /** Every line of it, from now on. */
  readonly lines: Pick<Branching, "also">;
  readonly log: Logger;
  readonly clock: Clock;
  /** Between two looks at the lines that wait (ms). */
  readonly everyMs?: number;
}

/** Begins to send, and says in the log that it does. */
export function startCloudWatch({ settings, registry, lines, log, clock, everyMs = linesMs }: Sent): CloudWatch {
  const { region, dimensions, gpu, logGroup } = settings.cloudwatch;
  const startedAt = new Date().toISOString().replace(/\.\d+/, "").replaceAll(":", "-"); // a stream's name has no colon
  const metrics =
    dimensions === null
      ? undefined
      : startPublisher({
          ...{ registry, gpu, clock, send: metricsTo(region, dimensions) },
          failed: seldom("CloudWatch does not get this worker's metrics", { log, clock }),
        });
  const group = logGroup === null ? undefined : { region, logGroup, stream: `${settings.worker}/${startedAt}` };
  const shipper = group && startShipper(linesTo(group), { lines, log, clock, everyMs });
  log.info({ region, metrics: dimensions !== null, ...(group && { stream: group.stream }) }, "CloudWatch is told");
  return {
    close: async () => {
      await Promise.all([metrics?.stop(endMs), shipper?.stop(endMs)]);
    },
  };
}

/** As much of every client's settings as we have. A machine without a network must not hold a call for minutes. */
const clientSettings = (region: string) => ({
  region,
  disableRequestCompression: true,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000 },
});

/** Loaded with the first call: a worker that tells nobody never loads it. */
function metricsTo(region: string, dimensions: Readonly<Record<string, string>>) {
  const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
  const load = once(async () => {
    const sdk = await import("@aws-sdk/client-cloudwatch");
    return { sdk, client: new sdk.CloudWatchClient(clientSettings(region)) };
  });
  return async (points: readonly Point[]): Promise<void> => {
    const { sdk, client } = await load();
    const Timestamp = new Date();
    const MetricData = points.map(({ name, value }) => ({ MetricName: name, Value: value, Timestamp, Dimensions }));
    await client.send(new sdk.PutMetricDataCommand({ Namespace: namespace, MetricData }));
  };
}

/** Sends lines that are in the order of their time. */
function linesTo({ region, logGroup, stream }: { region: string; logGroup: string; stream: string }) {
  const load = once(async () => {
    const sdk = await import("@aws-sdk/client-cloudwatch-logs");
    return { sdk, client: new sdk.CloudWatchLogsClient(clientSettings(region)) };
  });
  const place = { logGroupName: logGroup, logStreamName: stream };
  let isThere = false;
  return async (lines: readonly LogLine[]): Promise<void> => {
    const { sdk, client } = await load();
    try {
      if (!isThere) await client.send(new sdk.CreateLogStreamCommand(place)).catch(unlessThere);
      isThere = true;
      await client.send(new sdk.PutLogEventsCommand({ ...place, logEvents: [...lines] }));
    } catch (error) {
      isThere = false; // somebody may have taken it away
      throw error;
    }
  };
}

/** Whether lines are refused for what they are: they would be again, and stand before all others. */
const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === "InvalidParameterException";
const unlessThere = (error: unknown): void => {
  if (!(error instanceof Error) || error.name !== "ResourceAlreadyExistsException") throw error;
};

/** Sends every line of the log that is `info` or graver. */
function startShipper(
  send: (lines: readonly LogLine[]) => Promise<void>,
  { lines, log, clock, everyMs }: Pick<Sent, "lines" | "log" | "clock"> & { readonly everyMs: number },
) {
  const waiting = createLogLines();
  lines.also("info", { write: (text: string) => waiting.add(text, Date.now()) });
  const failed = seldom("CloudWatch does not get this worker's log lines", { log, clock });
  let lost = 0;
  const round = async (): Promise<void> => {
    for (let batch = waiting.take(); batch.length > 0; batch = waiting.take()) {
      try {
        await send(batch);
      } catch (error) {
        if (!isRefusal(error)) {
          waiting.putBack(batch);
          throw error;
        }
        lost += batch.length;
        failed(error);
        continue;
      }
      lost += waiting.dropped();
      if (lost > 0) log.warn({ lines: lost }, "log lines did not get to CloudWatch");
      lost = 0;
    }
  };
  const loop = startLoop({ round, pauseMs: everyMs, clock, onError: failed });
  return {
    stop: (withinMs: number): Promise<void> => stopWithLast(loop, { round, withinMs, clock, onError: failed }),
  };
}

/** The same promise for every call, until it rejects. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
}

import type { MetricObjectWithValues, MetricValue } from "prom-client";

/*
 * Which of the sidecar's metrics go to CloudWatch, and as what. They are few, since each costs USD 0.30 a month for as long as it is sent: what counts something is sent only when
 * there is something to count.
 */

/** A value under its name there. */
export interface Point {
  readonly name: string;
  readonly value: number;
}

/** What has been counted so far, by the names of points. */
export type Totals = Readonly<Record<string, number>>;

/** How something is now. What is not known is not sent. */
const levels = ["worker_up", "worker_ollama_up", "worker_gpu_used", "worker_disk_free_ratio"];
/** What has happened since the last point. */
const jobs = "worker_jobs_total";
/** What alarms are sent as, by their codes: who is told by one of these knows what to do. */
const alarms: Readonly<Record<string, string>> = {
  LF1461: "worker_alarms_offence",
  LF1463: "worker_alarms_gas",
  LF1464: "worker_alarms_interruption",
};
const otherAlarms = "worker_alarms_other";

/**
 * What is to be sent. Pure.
 * @param metrics values of the registry
 * @param sent what had been counted at the last point that arrived
 * @param gpu whether models are meant to compute on a GPU
 */
export function pointsOf(
  metrics: readonly MetricObjectWithValues<MetricValue<string>>[],
  sent: Totals,
  gpu: boolean,
): { readonly points: readonly Point[]; readonly totals: Totals } {
  const valuesOf = (name: string) => metrics.find((metric) => metric.name === name)?.values ?? [];
  const totals: Record<string, number> = {};
  const count = (name: string, value: number): void => void (totals[name] = (totals[name] ?? 0) + value);
  for (const { value } of valuesOf(jobs)) count(jobs, value);
  for (const { labels, value } of valuesOf("worker_alarms_total"))
    count(alarms[String(labels["code"])] ?? otherAlarms, value);

  const now = levels
    .filter((name) => gpu || name !== "worker_gpu_used")
    .flatMap((name) => valuesOf(name).map(({ value }) => ({ name, value })));
  const since = Object.entries(totals)
    .map(([name, total]) => ({ name, value: total - (sent[name] ?? 0) }))
    .filter(({ value }) => value > 0);
  return { points: [...now, ...since], totals };
}

import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import type { Clients } from "./clients.js";

/*
 * What an emulated CloudWatch was told, by the endpoint in this process's environment.
 */

/** The sum of all points of a worker's metric; `undefined` where there are none. */
export async function sumOf(region: string, worker: string, metric: string): Promise<number | undefined> {
  const client = new CloudWatch({ region });
  try {
    const { Metrics = [] } = await client.listMetrics({ Namespace: "Lightchain", MetricName: metric });
    const Dimensions = Metrics.map((one) => one.Dimensions).find((all) => all?.some(({ Value }) => Value === worker));
    if (Dimensions === undefined) return undefined;
    const hour = 3_600_000;
    const { Datapoints = [] } = await client.getMetricStatistics({
      ...{ Namespace: "Lightchain", MetricName: metric, Dimensions, Period: 3_600, Statistics: ["Sum"] },
      ...{ StartTime: new Date(Date.now() - 5 * hour), EndTime: new Date(Date.now() + hour) },
    });
    return Datapoints.reduce((sum, { Sum = 0 }) => sum + Sum, 0);
  } finally {
    client.destroy();
  }
}

/** Every line in a region, by its log group. */
export async function linesIn(region: string, aws: Clients): Promise<Readonly<Record<string, readonly string[]>>> {
  interface Answer {
    readonly logGroups: { readonly logGroupName: string }[];
    readonly logStreams: { readonly logStreamName: string }[];
    readonly events: { readonly message: string }[];
  }
  const ask = (action: string, body: object): Promise<Answer> =>
    aws.json("logs", region, `Logs_20140328.${action}`, body) as Promise<Answer>;
  const found: Record<string, string[]> = {};
  for (const { logGroupName } of (await ask("DescribeLogGroups", {})).logGroups) {
    found[logGroupName] = [];
    for (const { logStreamName } of (await ask("DescribeLogStreams", { logGroupName })).logStreams) {
      const asked = { logGroupName, logStreamName, startFromHead: true };
      found[logGroupName].push(...(await ask("GetLogEvents", asked)).events.map(({ message }) => message));
    }
  }
  return found;
}

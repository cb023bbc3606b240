import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";

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

/** Every line of every log group in a region. */
export async function linesIn(region: string): Promise<string[]> {
  const client = new CloudWatchLogs({ region });
  try {
    const lines: string[] = [];
    for (const { logGroupName } of (await client.describeLogGroups({})).logGroups ?? [])
      for (const { logStreamName } of (await client.describeLogStreams({ logGroupName })).logStreams ?? []) {
        const { events = [] } = await client.getLogEvents({ logGroupName, logStreamName, startFromHead: true });
        lines.push(...events.map(({ message = "" }) => message));
      }
    return lines;
  } finally {
    client.destroy();
  }
}

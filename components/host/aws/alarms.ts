import { MetricAlarm } from "@pulumi/aws/cloudwatch/metricAlarm";
import { Topic } from "@pulumi/aws/sns/topic";
import { TopicSubscription } from "@pulumi/aws/sns/topicSubscription";
import * as pulumi from "@pulumi/pulumi";

/** Who is told: a topic of yours by its ARN, or an address, for which a topic is made; AWS asks it once whether it wants to be told. */
export type AlarmsTo = { readonly topic: string } | { readonly email: string };

/** The topic that a region's alarms go to. */
export function topicOf(
  name: string,
  to: AlarmsTo,
  { region, tags }: { readonly region: string; readonly tags: pulumi.Input<Record<string, string>> },
  opts: pulumi.CustomResourceOptions,
): pulumi.Input<string> {
  if ("topic" in to) return to.topic;
  // Not by AWS's own key, which lets no alarm of CloudWatch's publish, and cannot be told to. A message says which alarm was raised, and holds no secret.
  const topic = new Topic(`${name}-alarms`, { region, tags }, opts);
  new TopicSubscription(`${name}-alarms`, { region, topic: topic.arn, protocol: "email", endpoint: to.email }, opts);
  return topic.arn;
}

/** What AWS sees of a machine from outside, and what becomes of it when that fails. */
const checks = [
  {
    part: "hardware",
    metricName: "StatusCheckFailed_System",
    alarmDescription: "AWS's own hardware fails below the machine: it is moved to other hardware, disks and all.",
    recovers: true,
  },
  {
    part: "system",
    metricName: "StatusCheckFailed_Instance",
    alarmDescription: "The machine's system does not answer. Next: reboot it (aws ec2 reboot-instances).",
    recovers: false,
  },
] as const;

/** Seconds that a check is looked at, and how often in a row it has to fail. */
const [periodSeconds, timesInARow] = [60, 3];

/**
 * Watches a machine from outside. One that is stopped gives no values, and raises nothing.
 *
 * **Cost**: USD 0.10 an alarm and month, two a machine.
 */
export function watchMachine(
  name: string,
  about: {
    readonly region: string;
    readonly instance: pulumi.Input<string>;
    /** AWS moves no spot machine by itself. */
    readonly spot: boolean;
    /** Who is told; `undefined`: nobody. */
    readonly topic: pulumi.Input<string> | undefined;
    readonly tags: Readonly<Record<string, string>>;
  },
  opts: pulumi.CustomResourceOptions,
): void {
  const { region, instance, spot, topic, tags } = about;
  const stack = tags["lightchain:stack"] ?? "";
  for (const { part, metricName, alarmDescription, recovers } of checks) {
    const actions = [
      ...(recovers && !spot ? [`arn:aws:automate:${region}:ec2:recover`] : []),
      ...(topic === undefined ? [] : [topic]),
    ];
    if (actions.length === 0) continue; // it would tell nobody, and do nothing
    new MetricAlarm(
      `${name}-${part}`,
      {
        // a name of its own: what a killed run made is written over, not doubled
        ...{
          name: `${stack} ${name}-${part}`,
          region,
          namespace: "AWS/EC2",
          metricName,
          alarmDescription,
          dimensions: { InstanceId: instance },
          tags,
        },
        ...{ statistic: "Maximum", comparisonOperator: "GreaterThanThreshold", threshold: 0 },
        ...{ period: periodSeconds, evaluationPeriods: timesInARow, treatMissingData: "missing" },
        alarmActions: actions,
      },
      opts,
    );
  }
}

/** What CloudWatch is told by a sidecar that an alarm goes by: level and count, under the sidecar's own names (`sidecar/metrics/published.ts`). */
interface Sign {
  readonly part: string;
  readonly metricName: string;
  /** Whether it is too low (how something is), or more than none (what has happened). */
  readonly raised: { readonly below: number } | "once it has happened";
  /** Minutes in a row that it has to be so. */
  readonly minutes: number;
  /** Silence raises it too. */
  readonly orSilent?: true;
  /** Where there is such a thing at all. */
  readonly where?: (about: WatchedWorker) => boolean;
  /** What it means, and the next command. */
  readonly says: (worker: string, session: string) => string;
}

/** A worker that is watched. */
export interface WatchedWorker {
  readonly worker: string;
  /** Whether its models are to compute on a GPU. */
  readonly gpu: boolean;
  readonly spot: boolean;
  /** It leaves the network ahead of a destroy, after which its machine may rest. */
  readonly leaving: boolean;
}

const signs: readonly Sign[] = [
  {
    ...{ part: "heartbeat", metricName: "worker_up", raised: { below: 1 }, minutes: 5, orSilent: true },
    says: (worker, session) =>
      `The sidecar of ${worker} has not been heard for five minutes: open sessions may go unanswered, which is slashed. Next: npx fleet status --worker ${worker}; if the machine is on, ${session}, then journalctl -n 100.`,
  },
  {
    ...{ part: "ollama", metricName: "worker_ollama_up", raised: { below: 1 }, minutes: 5 },
    says: (worker, session) =>
      `Ollama has not answered ${worker} for five minutes: no job of its can be done. Next: ${session}, then systemctl --failed, and systemctl restart of what it names.`,
  },
  {
    ...{ part: "gpu", metricName: "worker_gpu_used", raised: { below: 1 }, minutes: 5, where: ({ gpu }) => gpu },
    says: (worker, session) =>
      `All models of ${worker} are on the CPU: it is too slow for its jobs. Next: ${session}, then nvidia-smi; where that finds no GPU, reboot.`,
  },
  {
    ...{ part: "disk", metricName: "worker_disk_free_ratio", raised: { below: 0.1 }, minutes: 5 },
    says: (worker, session) =>
      `A disk of ${worker}'s machine is more than nine tenths full; on a full one nothing is claimed any more. Next: ${session}, then df -h; raise rootGiB or journalGiB.`,
  },
  {
    ...{ part: "gas", metricName: "worker_alarms_gas", raised: "once it has happened", minutes: 1 },
    says: (worker) =>
      `${worker} has less than half of its reserve left for gas (LF1463). Next: npx fleet up, which sends what is missing from the treasury.`,
  },
  {
    ...{ part: "offence", metricName: "worker_alarms_offence", raised: "once it has happened", minutes: 1 },
    says: (worker) =>
      `The chain counts a new offence of ${worker}, which claims nothing any more (LF1461). Next: npx fleet status --worker ${worker}; once it is mended, npx fleet resume --worker ${worker}.`,
  },
  {
    ...{ part: "interruption", metricName: "worker_alarms_interruption", raised: "once it has happened", minutes: 1 },
    where: ({ spot }) => spot,
    says: (worker) =>
      `AWS takes the spot machine of ${worker} back, and starts it again when there is room (LF1464). Next: npx fleet status --worker ${worker}, later; for good: spot: false with another hostName.`,
  },
  {
    ...{ part: "other", metricName: "worker_alarms_other", raised: "once it has happened", minutes: 1 },
    says: (worker) =>
      `The sidecar of ${worker} has raised an alarm: its journal cannot be written (LF1404), or its key was used elsewhere (LF1412). Next: npx fleet status --worker ${worker}, which says which.`,
  },
];

/** What a worker's metrics are told apart by. */
export const dimensionsOf = (stack: string, worker: string): Record<string, string> => ({
  Stack: stack,
  Worker: worker,
});

/**
 * Watches a worker by what its sidecar tells CloudWatch. Made once the worker is live, so that nobody is told of a machine that is only being made.
 *
 * **Cost**: USD 0.10 an alarm and month: six, one more with a GPU, one more on spot.
 */
export function watchWorker(
  about: WatchedWorker & {
    readonly region: string;
    /** Its machine's id. */
    readonly instance: pulumi.Input<string>;
    /** Who is told. */
    readonly topic: pulumi.Input<string>;
    readonly tags: Readonly<Record<string, string>>;
  },
  opts: pulumi.CustomResourceOptions,
): void {
  const { region, worker, instance, topic, leaving } = about;
  const stack = about.tags["lightchain:stack"] ?? "";
  const tags = { ...about.tags, "lightchain:worker": worker };
  for (const { part, metricName, raised, minutes, orSilent, where, says } of signs) {
    if (where !== undefined && !where(about)) continue;
    const happened = raised === "once it has happened";
    new MetricAlarm(
      `${worker}-${part}`,
      {
        ...{ name: `${stack} ${worker}-${part}`, region, namespace: "Lightchain", metricName, tags },
        alarmDescription: pulumi
          .output(instance)
          .apply((id) => says(worker, `aws ssm start-session --region ${region} --target ${id}`)),
        dimensions: dimensionsOf(stack, worker),
        ...{ period: 60, evaluationPeriods: minutes, treatMissingData: orSilent ? "breaching" : "notBreaching" },
        ...(happened
          ? { statistic: "Sum", comparisonOperator: "GreaterThanThreshold", threshold: 0 }
          : { statistic: "Minimum", comparisonOperator: "LessThanThreshold", threshold: raised.below }),
        alarmActions: [topic],
        // Who waits to leave is put to rest meanwhile, where it says nothing.
        ...(orSilent && leaving ? { actionsEnabled: false } : {}),
      },
      opts,
    );
  }
}

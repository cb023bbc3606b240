import { createRequire } from "node:module";
import type * as SchedulerModule from "@aws-sdk/client-scheduler";
import { systemClock } from "../../../system/clock.js";
import { inEc2 } from "./ec2.js";
import { InstanceSilent } from "./errors.js";
import { stateOf } from "./instance.js";
import { asking } from "./refusal.js";
import type { SsmWay } from "./reference.js";
import { shellOn } from "./shell.js";

/*
 * A machine that only waits is stopped meanwhile, and costs no more than its disks. It comes back by schedules of EventBridge's, so that no process has to live until then.
 */

/** An instance that may rest. */
type Resting = SsmWay & { readonly instance: string; readonly returns: string };

/** How long it is up when it comes back (ms): to settle, leave and sweep takes minutes. Then it is stopped again, whatever became of it. */
const upMs = 3_600_000;
/** How long stopping and starting may take (ms). */
const changeMs = 600_000;
const lookMs = 2_000;

/** Whether an instance may be stopped: known by its id, and with a role that brings it back. Pure. */
export const mayRest = (way: SsmWay): way is Resting => typeof way.instance === "string" && way.returns !== undefined;

const load = createRequire(__filename); // by whoever has such a host, and by nobody else
const settings = (region: string) => ({ region, retryMode: "adaptive", maxAttempts: 6 }) as const;
const kinds = ["start", "stop"] as const;
const scheduleName = (instance: string, kind: (typeof kinds)[number]): string => `lightchain-${instance}-${kind}`;
/** A moment as a schedule has it, in UTC. Pure. */
export const atExpression = (ms: number): string => `at(${new Date(ms).toISOString().slice(0, 19)})`;

/**
 * Stops an instance, once its return is sure: schedules start it at that time, and stop it an hour later. Done twice, it is done once.
 * @param backMs when it is to be back (Unix ms)
 * @throws AwsRefused LF1591
 */
export async function rest(way: Resting, backMs: number): Promise<void> {
  const { region, instance, returns } = way;
  await inScheduler(region, "scheduler:CreateSchedule (and iam:PassRole)", async (client, scheduler) => {
    for (const kind of kinds) {
      const schedule = {
        Name: scheduleName(instance, kind),
        ScheduleExpression: atExpression(kind === "start" ? backMs : backMs + upMs),
        FlexibleTimeWindow: { Mode: "OFF" as const },
        ActionAfterCompletion: "DELETE" as const,
        Target: {
          Arn: `arn:aws:scheduler:::aws-sdk:ec2:${kind}Instances`,
          RoleArn: returns,
          Input: JSON.stringify({ InstanceIds: [instance] }),
        },
      };
      try {
        await client.send(new scheduler.CreateScheduleCommand(schedule));
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "ConflictException") throw error;
        await client.send(new scheduler.UpdateScheduleCommand(schedule));
      }
    }
  });
  await inEc2(region, "ec2:StopInstances", (client, ec2) =>
    client.send(new ec2.StopInstancesCommand({ InstanceIds: [instance] })),
  );
}

/**
 * Starts an instance that rests, and waits until it takes commands; its schedules are taken back. One that runs is left alone, and so is one that comes back after `lastMs`
 * (Unix ms) only.
 * @returns when that is
 * @throws InstanceSilent LF1590, AwsRefused LF1591
 */
export async function wake(way: Resting, lastMs: number): Promise<number | undefined> {
  const { region, instance } = way;
  const end = systemClock.now() + changeMs;
  let state = await stateOf(region, instance);
  if (state !== "stopped" && state !== "stopping") return undefined;
  const back = await backAt(way);
  if (back !== undefined && back > lastMs) return back;
  for (; state === "stopping"; state = await stateOf(region, instance)) {
    if (systemClock.now() > end) throw new InstanceSilent(way, "it is stopping, and does not come to it");
    await systemClock.sleep(lookMs);
  }
  await takeBack(way);
  await inEc2(region, "ec2:StartInstances", (client, ec2) =>
    client.send(new ec2.StartInstancesCommand({ InstanceIds: [instance] })),
  );
  await shellOn(way).run({ words: ["true"], waitMs: changeMs });
  return undefined;
}

/** The moment of an {@link atExpression}. Pure. */
export const momentOf = (expression: string): number | undefined => {
  const ms = Date.parse(`${/^at\((.+)\)$/.exec(expression)?.[1] ?? ""}Z`);
  return Number.isNaN(ms) ? undefined : ms;
};

/** When a schedule brings an instance back (Unix ms); `undefined`: none does. */
const backAt = ({ region, instance }: Resting): Promise<number | undefined> =>
  inScheduler(region, "scheduler:GetSchedule", async (client, scheduler) => {
    const asked = new scheduler.GetScheduleCommand({ Name: scheduleName(instance, "start") });
    const found = await client.send(asked).catch(unlessMissing);
    return momentOf(found?.ScheduleExpression ?? "");
  });

/** Takes back what was to bring an instance back. */
const takeBack = ({ region, instance }: Resting): Promise<void> =>
  inScheduler(region, "scheduler:DeleteSchedule", async (client, { DeleteScheduleCommand }) => {
    for (const kind of kinds)
      await client.send(new DeleteScheduleCommand({ Name: scheduleName(instance, kind) })).catch(unlessMissing);
  });

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof Error) || error.name !== "ResourceNotFoundException") throw error;
}

/** Runs something with EventBridge Scheduler. @throws AwsRefused LF1591, which names what has to be allowed */
async function inScheduler<T>(
  region: string,
  action: string,
  work: (client: SchedulerModule.SchedulerClient, scheduler: typeof SchedulerModule) => Promise<T>,
): Promise<T> {
  const scheduler = load("@aws-sdk/client-scheduler") as typeof SchedulerModule;
  const client = new scheduler.SchedulerClient(settings(region));
  return asking(client, { action, region }, () => work(client, scheduler));
}

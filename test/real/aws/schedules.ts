import { StartInstancesCommand, StopInstancesCommand, type EC2Client } from "@aws-sdk/client-ec2";
import {
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  type GetScheduleOutput,
} from "@aws-sdk/client-scheduler";
import type { Clients } from "./clients.js";

/*
 * EventBridge Scheduler's clock, which the tests turn by hand: the emulated AWS keeps schedules and fires none.
 * Source: EventBridge Scheduler user guide, "Schedule types", "Universal targets".
 */

/** Fires what is due of a region at a moment. @returns a line for each, with what came of it */
export type Fire = (region: string, now: Date) => Promise<string[]>;

const targets = {
  "arn:aws:scheduler:::aws-sdk:ec2:startInstances": (ec2: EC2Client, InstanceIds: string[]) =>
    ec2.send(new StartInstancesCommand({ InstanceIds })),
  "arn:aws:scheduler:::aws-sdk:ec2:stopInstances": (ec2: EC2Client, InstanceIds: string[]) =>
    ec2.send(new StopInstancesCommand({ InstanceIds })),
} as const;

/** How often a target that failed is asked, unless the schedule says so: as AWS does. */
const usualAttempts = 185;

/** @param aws where what fires is asked of */
export function makeScheduler(aws: Clients): Fire {
  const fired = new Map<string, Date>();
  const failed = new Map<string, number>();

  async function fire(region: string, schedule: GetScheduleOutput, now: Date): Promise<string> {
    const { Name: name = "", GroupName, Arn: arn = "", Target, ScheduleExpression: expression = "" } = schedule;
    const ask = targets[Target?.Arn as keyof typeof targets];
    if (ask === undefined) throw new Error(`${name}: the target ${Target?.Arn} is not done by this stand-in`);
    const { InstanceIds } = JSON.parse(Target?.Input ?? "{}") as { InstanceIds: string[] };
    let line = `${name}: ${Target?.Arn?.split(":").at(-1)} ${InstanceIds.join(" ")}`;
    try {
      const RoleName = Target?.RoleArn?.split("/").at(-1) ?? "";
      await aws.form("iam", "us-east-1", "2010-05-08", { Action: "GetRole", RoleName });
      await ask(aws.ec2(region), InstanceIds);
    } catch (error) {
      line = `${name}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
      const attempts = (failed.get(arn) ?? 0) + 1;
      failed.set(arn, attempts);
      // it is tried again when the clock is turned again
      if (attempts <= (Target?.RetryPolicy?.MaximumRetryAttempts ?? usualAttempts)) return line;
    }
    fired.set(arn, now);
    failed.delete(arn);
    if (schedule.ActionAfterCompletion === "DELETE" && expression.startsWith("at("))
      await aws.scheduler(region).send(new DeleteScheduleCommand({ Name: name, GroupName }));
    return line;
  }

  return async (region, now) => {
    const client = aws.scheduler(region);
    const lines: string[] = [];
    for (const { Name, GroupName } of (await client.send(new ListSchedulesCommand({}))).Schedules ?? []) {
      const schedule = await client.send(new GetScheduleCommand({ Name, GroupName }));
      const { Arn = "", CreationDate = now, State } = schedule;
      const last = fired.get(Arn);
      if (State === "ENABLED" && isDue(schedule, last ?? CreationDate, last !== undefined, now))
        lines.push(await fire(region, schedule, now));
    }
    return lines;
  };
}

const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function isDue({ ScheduleExpression = "", ...others }: GetScheduleOutput, since: Date, hasFired: boolean, now: Date) {
  const [, at] = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/.exec(ScheduleExpression) ?? [];
  if (at !== undefined) return !hasFired && momentOf(at, others.ScheduleExpressionTimezone ?? "UTC") <= now.getTime();
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(ScheduleExpression) ?? [];
  if (count === undefined) throw new Error(`${ScheduleExpression} is not done by this stand-in`);
  return now.getTime() - since.getTime() >= Number(count) * unitMs[unit as keyof typeof unitMs];
}

/** The Unix time of what a clock on a wall shows somewhere. */
export function momentOf(shown: string, timeZone: string): number {
  const asIfUtc = Date.parse(`${shown}Z`);
  const wall = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const shift = (at: number): number => Date.parse(`${wall.format(at).replace(" ", "T")}Z`) - at;
  return asIfUtc - shift(asIfUtc - shift(asIfUtc)); // twice: the shift may change in between
}

import { Budget } from "@pulumi/aws/budgets/budget";
import { LogGroup } from "@pulumi/aws/cloudwatch/logGroup";
import type * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { BadRegionArgument } from "./errors.js";
import { budgetPrefix, logGroupPrefix } from "./made-up-names.js";

/** How long CloudWatch can keep lines (days). */
const retentions = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731],
  ...[1096, 1827, 2192, 2557, 2922, 3288, 3653],
];

const address = z.string().regex(/^[^\s@]+@[^\s@]+$/, "an address for mail");
const tellingSchema = z.object({
  alarms: z
    .union([z.strictObject({ topic: z.string().startsWith("arn:") }), z.strictObject({ email: address })], {
      error: "{ email: <address> } or { topic: <ARN> }",
    })
    .optional(),
  logs: z
    .strictObject({
      days: z.number().refine((days) => retentions.includes(days), `days is one of ${retentions.join(", ")}`),
    })
    .optional(),
  budget: z
    .strictObject({
      usd: z.number("usd is a number").positive("usd is more than 0"),
      email: address,
      byTag: z.boolean().default(false),
    })
    .optional(),
});

/** Log lines that are kept. */
export interface Logs {
  /** For how long: a number of days that CloudWatch knows, for instance 7, 30 or 90. */
  readonly days: number;
}

/** How much a region may cost. Nobody is held to it: somebody is told. */
export interface RegionBudget {
  /** A month, in US dollars. */
  readonly usd: number;
  /** Who is told at 80 % of it, and when AWS expects the month to end above it. */
  readonly email: string;
  /** Count only what is tagged with this stack: `lightchain:stack` is active as a cost allocation tag. Default false: all that the account has in the region. */
  readonly byTag?: boolean;
}

/** What a region's arguments say of who is told what. @throws BadRegionArgument LF1805 */
export function checkTelling(region: string, given: object): void {
  const { error } = tellingSchema.safeParse(given);
  const [issue] = error?.issues ?? [];
  if (issue !== undefined) throw new BadRegionArgument(region, issue.path.join("."), issue.message);
}

/** What is made for a region as a whole. */
interface OfRegion {
  readonly region: string;
  /** The value of the tag `lightchain:stack`. */
  readonly stack: string;
  readonly tags: pulumi.Input<Record<string, string>>;
}

/** The group that all log lines of a region go to. Its name ends with what AWS's provider makes up: one that a killed run made is in nobody's way. */
export const logGroupOf = (
  name: string,
  { days }: Logs,
  { region, stack, tags }: OfRegion,
  opts: pulumi.CustomResourceOptions,
): LogGroup =>
  new LogGroup(`${name}-logs`, { region, namePrefix: logGroupPrefix(stack, name), retentionInDays: days, tags }, opts);

/** Tells somebody of what the region costs. */
export function budgetOf(
  name: string,
  { usd, email, byTag = false }: RegionBudget,
  { region, stack, tags }: OfRegion,
  opts: pulumi.CustomResourceOptions,
): void {
  const told = { thresholdType: "PERCENTAGE", subscriberEmailAddresses: [email] };
  new Budget(
    `${name}-budget`,
    {
      ...{ namePrefix: budgetPrefix(stack, name), budgetType: "COST", timeUnit: "MONTHLY" },
      ...{ limitAmount: String(usd), limitUnit: "USD", tags },
      costFilters: [
        { name: "Region", values: [region] },
        ...(byTag ? [{ name: "TagKeyValue", values: [`user:lightchain:stack$${stack}`] }] : []),
      ],
      notifications: [
        { ...told, notificationType: "ACTUAL", comparisonOperator: "GREATER_THAN", threshold: 80 },
        { ...told, notificationType: "FORECASTED", comparisonOperator: "GREATER_THAN", threshold: 100 },
      ],
    },
    opts,
  );
}

import { Budgets } from "@aws-sdk/client-budgets";
import { CloudWatchLogs } from "@aws-sdk/client-cloudwatch-logs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sweepShared } from "../../../components/host/aws/sweep/shared-sweep.js";
import { useEnvironment } from "./ground.js";
import { noMoto, startMoto, type EmulatedAws } from "./moto.js";

const AccountId = "123456789012"; // moto's
const region = "eu-central-1";
const end = "20261126140000000000000001";
const ours = [`/lightchain/fleet/prod/frankfurt-${end}`, `lightchain fleet/prod frankfurt-${end}`] as const;
/** Another stack's, another region's, and one that somebody named. */
const others = [
  ["fleet/production", "frankfurt", end],
  ["fleet/prod", "frankfurt-2", end],
  ["fleet/prod", "frankfurt", "of-mine"],
] as const;

let aws: EmulatedAws;
beforeAll(async () => {
  if (noMoto() !== undefined) return;
  aws = await startMoto();
  useEnvironment(aws.env);
  const [logs, budgets] = [new CloudWatchLogs({ region }), new Budgets({ region })];
  const groups = [ours[0], ...others.map(([stack, name, tail]) => `/lightchain/${stack}/${name}-${tail}`)];
  for (const logGroupName of groups) await logs.createLogGroup({ logGroupName });
  const named = [ours[1], ...others.map(([stack, name, tail]) => `lightchain ${stack} ${name}-${tail}`)];
  for (const BudgetName of named) {
    const BudgetLimit = { Amount: "1", Unit: "USD" };
    const Budget = { BudgetName, BudgetLimit, BudgetType: "COST", TimeUnit: "MONTHLY" } as const;
    await budgets.createBudget({ AccountId, Budget });
  }
});
afterAll(() => aws?.stop());

test.skipIf(noMoto() !== undefined)(
  "of a region that told something the group and the budget of a killed run go, and nobody else's; of one that did not nothing is looked for",
  async () => {
    // moto itself knows no reservations, which is all that may not be looked for
    const swept = async (tells: { logs: boolean; budget: boolean }) => {
      const found = await sweepShared({ region, name: "frankfurt", stack: "fleet/prod" }, tells);
      expect(found.left).toHaveLength(1);
      return found.swept;
    };
    expect(await swept({ logs: false, budget: false })).toEqual([]);
    expect(await swept({ logs: true, budget: true })).toEqual(ours);
    expect((await new CloudWatchLogs({ region }).describeLogGroups({})).logGroups).toHaveLength(others.length);
    expect((await new Budgets({ region }).describeBudgets({ AccountId })).Budgets).toHaveLength(others.length);
  },
);

import type * as BudgetsModule from "@aws-sdk/client-budgets";
import type * as LogsModule from "@aws-sdk/client-cloudwatch-logs";
import { accountOf } from "../../ssm/instance.js";
import { budgetPrefix, isMadeUp, logGroupPrefix } from "../made-up-names.js";
import { load, settings, type KindOf } from "./kind.js";

/*
 * What killed runs made to tell of a region. It is known by its name, which says the stack and the region.
 */

/** Log groups. */
export const logGroups: KindOf = ({ region, name, stack }) => {
  const logs = load("@aws-sdk/client-cloudwatch-logs") as typeof LogsModule;
  const client = new logs.CloudWatchLogsClient(settings(region));
  const beginning = logGroupPrefix(stack, name);
  return {
    client,
    action: "logs:DescribeLogGroups and logs:DeleteLogGroup",
    found: async (): Promise<string[]> => {
      const found: string[] = [];
      const asked = { logGroupNamePrefix: beginning };
      for await (const { logGroups: groups = [] } of logs.paginateDescribeLogGroups({ client }, asked))
        for (const { logGroupName = "" } of groups) if (isMadeUp(logGroupName, beginning)) found.push(logGroupName);
      return found;
    },
    remove: (logGroupName: string) => client.send(new logs.DeleteLogGroupCommand({ logGroupName })),
  };
};

/** Budgets: they are the account's, and of no region. */
export const budgets: KindOf = ({ region, name, stack }) => {
  const api = load("@aws-sdk/client-budgets") as typeof BudgetsModule;
  const client = new api.BudgetsClient(settings(region));
  const beginning = budgetPrefix(stack, name);
  let account: Promise<string> | undefined;
  const own = (): Promise<string> => (account ??= accountOf(region));
  return {
    client,
    action: "budgets:ViewBudget and budgets:ModifyBudget",
    found: async (): Promise<string[]> => {
      const found: string[] = [];
      const asked = { AccountId: await own() };
      for await (const { Budgets: page = [] } of api.paginateDescribeBudgets({ client }, asked))
        for (const { BudgetName = "" } of page) if (isMadeUp(BudgetName, beginning)) found.push(BudgetName);
      return found;
    },
    remove: async (BudgetName: string) =>
      client.send(new api.DeleteBudgetCommand({ AccountId: await own(), BudgetName })),
  };
};

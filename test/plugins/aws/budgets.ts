import type { Budgets, Notification, NotificationWithSubscribers } from "@aws-sdk/client-budgets";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType, keyOf, named, uniqueName } from "./aws-type.js";
import { account, budgets } from "./clients.js";
import { doing, ifThere } from "./refusals.js";
import { listed, retagging, tagsIn } from "./tags.js";

/** `aws:budgets/budget:Budget` (`budgets/budget.go`), of costs, with notifications by mail. Its id is `<account>:<name>`. */
export const budget = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: [
      ...["name", "namePrefix", "budgetType", "costFilters", "limitAmount", "limitUnit", "notifications", "tags"],
      "timeUnit",
    ],
    computed: ["accountId", "arn", "name"],
    replaces: ["accountId", "name", "namePrefix"],
    sets: ["costFilters", "notifications"],
    autoName: { ...named, longest: 100 },
    make: async (given) => {
      const [AccountId, BudgetName] = [await account(), uniqueName(given)];
      const asked = (await budgets()).createBudget({
        AccountId,
        Budget: budgetOf(BudgetName, given),
        ...(Object.keys(tagsIn(given)).length > 0 ? { ResourceTags: listed(tagsIn(given)) } : {}),
      });
      await doing(`creating Budget (${BudgetName})`, asked);
      return `${AccountId}:${BudgetName}`;
    },
    finish: async (id, given) => {
      const [client, place] = [await budgets(), placeOf(id)];
      for (const one of notificationsOf(given))
        await doing(`creating Budget (${id}) notifications`, client.createNotification({ ...place, ...one }));
    },
    // An emulated AWS may not know tags of budgets: they are not looked at.
    look: async (id, given) => {
      const place = placeOf(id);
      const asked = (await budgets()).describeBudget(place);
      const found = await doing(`reading Budget (${id})`, ifThere(asked, "NotFoundException"));
      if (found?.Budget === undefined) return undefined;
      const { AccountId: accountId, BudgetName: name } = place;
      return { accountId, name, arn: `arn:aws:budgets::${accountId}:budget/${name}`, tags: tagsIn(given) };
    },
    change: async (id, given, before) => {
      const [client, place] = [await budgets(), placeOf(id)];
      const { AccountId, BudgetName } = place;
      const NewBudget = budgetOf(BudgetName, given);
      if (keyOf(NewBudget) !== keyOf(budgetOf(BudgetName, before)))
        await doing(`updating Budget (${id})`, client.updateBudget({ AccountId, NewBudget }));
      await renotify(client, id, before, given);
      const what = `updating tags for Budget (${id})`;
      const ResourceARN = `arn:aws:budgets::${AccountId}:budget/${BudgetName}`;
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      if (off.length > 0) await doing(what, client.untagResource({ ResourceARN, ResourceTagKeys: off }));
      if (on.length > 0) await doing(what, client.tagResource({ ResourceARN, ResourceTags: on }));
    },
    remove: async (id) => {
      const asked = (await budgets()).deleteBudget(placeOf(id));
      await doing(`deleting Budget (${id})`, ifThere(asked, "NotFoundException"));
    },
  });

function placeOf(id: string): { AccountId: string; BudgetName: string } {
  const at = id.indexOf(":");
  return { AccountId: id.slice(0, at), BudgetName: id.slice(at + 1) };
}

const budgetOf = (BudgetName: string, given: Properties) => ({
  ...{ BudgetName, BudgetType: "COST" as const, TimeUnit: given["timeUnit"] as "MONTHLY" },
  BudgetLimit: { Amount: String(given["limitAmount"]), Unit: String(given["limitUnit"]) },
  CostFilters: Object.fromEntries(
    ((given["costFilters"] ?? []) as { name: string; values: string[] }[]).map(({ name, values }) => [name, values]),
  ),
});

type Given = Readonly<Record<"comparisonOperator" | "notificationType" | "thresholdType", string>> & {
  readonly threshold: number;
  readonly subscriberEmailAddresses?: string[];
};
const notificationsOf = (given: Properties): Required<NotificationWithSubscribers>[] =>
  ((given["notifications"] ?? []) as Given[]).map((one) => ({
    Notification: {
      NotificationType: one.notificationType,
      ComparisonOperator: one.comparisonOperator,
      Threshold: one.threshold,
      ThresholdType: one.thresholdType,
    } as Notification,
    Subscribers: (one.subscriberEmailAddresses ?? []).map((Address) => ({ SubscriptionType: "EMAIL", Address })),
  }));

/** Takes away all of them and makes them anew, as soon as one is another one. */
async function renotify(client: Budgets, id: string, before: Properties, after: Properties): Promise<void> {
  const [had, has] = [notificationsOf(before), notificationsOf(after)];
  if (keyOf(had) === keyOf(has)) return;
  const place = placeOf(id);
  const what = `updating Budget (${id}) notifications`;
  for (const { Notification } of had) await doing(what, client.deleteNotification({ ...place, Notification }));
  for (const one of has) await doing(what, client.createNotification({ ...place, ...one }));
}

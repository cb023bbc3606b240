import { expect, test } from "vitest";
import { goingWith } from "../../../../../components/host/aws/sweep/network.js";

const owner = { region: "eu-central-1", name: "frankfurt", stack: "fleet/live" };
const tags = (of: Record<string, string>) => Object.entries(of).map(([Key, Value]) => ({ Key, Value }));

test.each<[what: string, tags: Record<string, string>, goes: boolean]>([
  ["is ours", { "lightchain:stack": "fleet/live", "lightchain:region": "frankfurt", team: "gpu" }, true],
  ["has no tag", {}, true],
  ["somebody made for himself", { Name: "mine" }, false],
  ["is another stack's", { "lightchain:stack": "fleet/test", "lightchain:region": "frankfurt" }, false],
  ["is another network's of this stack", { "lightchain:stack": "fleet/live", "lightchain:region": "ireland" }, false],
  ["says no network", { "lightchain:stack": "fleet/live" }, false],
])("a part of a network of ours that %s goes with it: $2", (_, of, goes) => {
  expect(goingWith(owner, [{ id: "it", tags: tags(of) }])).toEqual(goes ? ["it"] : []);
});

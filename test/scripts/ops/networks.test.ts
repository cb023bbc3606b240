import { expect, test } from "vitest";
import { clearNetworks, networksIn } from "../../../scripts/ops/networks.js";

const tags = { "lightchain:stack": "fleet/live", "lightchain:region": "frankfurt", team: "gpu" };
const isOurs = false;
const vpc = { isOurs, type: "Vpc", name: "frankfurt", outputs: { id: "vpc-1", region: "eu-central-1", tags } };
const resources = [
  { isOurs, type: "Stack", name: "live", outputs: undefined },
  vpc,
  { isOurs, type: "Subnet", name: "frankfurt-a", outputs: { id: "subnet-1" } },
  {
    isOurs,
    type: "Vpc",
    name: "of another program",
    outputs: { id: "vpc-2", region: "eu-west-1", tags: { team: "gpu" } },
  },
];

test("a stack's own networks are those with its tags, and known is everything that has an id", () => {
  expect(networksIn({ creating: [], resources })).toEqual({
    owners: [{ vpc: "vpc-1", region: "eu-central-1", name: "frankfurt", stack: "fleet/live" }],
    known: ["vpc-1", "subnet-1", "vpc-2"],
  });
});

test("where nothing was being created, nothing is looked for", async () => {
  const said: string[] = [];
  await clearNetworks({ creating: [], resources }, (line) => void said.push(line));
  expect(said).toEqual([]);
});

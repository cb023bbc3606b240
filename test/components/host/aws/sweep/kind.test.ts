import { expect, test } from "vitest";
import { isNamed } from "../../../../../components/host/aws/sweep/kind.js";

test.each([
  ["eu-central-1-machine-0a1b2c3", true],
  ["eu-central-1-return-0a1b2c3", true],
  ["eu-central-1-machine", false],
  ["eu-central-1-machine-0a1b2c", false],
  ["eu-central-1-machine-0a1b2c3d", false],
  ["eu-central-1-machine-of-mine", false],
  ["not-eu-central-1-machine-0a1b2c3", false],
  ["eu-central-1-machinery-0a1b2c3", false],
])("whether %s is a name that Pulumi made of ours: %s", (name, isOurs) =>
  expect(isNamed(name, ["eu-central-1-machine", "eu-central-1-return"])).toBe(isOurs),
);

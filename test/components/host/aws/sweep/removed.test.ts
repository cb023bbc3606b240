import { expect, test } from "vitest";
import { removed } from "../../../../../components/host/aws/sweep/shared-sweep.js";

/** An error as the SDK throws it. */
const refused = (name: string, attempts?: number) => (): Promise<never> =>
  Promise.reject(Object.assign(new Error(name), { name }, attempts === undefined ? {} : { $metadata: { attempts } }));

test.each([
  ["is deleted", () => Promise.resolve(), true],
  ["is used", refused("DependencyViolation", 1), false],
  ["is used, as a second try was told", refused("DeleteConflict", 2), false],
  ["somebody else was quicker to take away", refused("InvalidInternetGatewayID.NotFound", 1), false],
  ["went with a first try that had no answer", refused("InvalidInternetGatewayID.NotFound", 2), true],
  ["is gone, by whomever", refused("NoSuchBucket"), false],
])("whether a thing was taken away that %s", async (_, remove, was) => expect(await removed(remove)).toBe(was));

test("what AWS refuses for another reason is said, and not passed over", () =>
  expect(removed(refused("UnauthorizedOperation"))).rejects.toThrow("UnauthorizedOperation"));

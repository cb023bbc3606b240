import { createPublicClient, http } from "viem";
import { expect, test } from "vitest";
import { coded } from "../../components/coded.js";
import { FleetError } from "../../schema/errors.js";

const refused = async (): Promise<unknown> => {
  const client = createPublicClient({ transport: http("http://127.0.0.1:1/secret-access-key", { retryCount: 0 }) });
  return client.getBlockNumber().catch((error: unknown) => error);
};

test("a node that does not answer is one coded line without the endpoint's access key", async () => {
  const error = coded(await refused()) as FleetError;
  expect(error).toMatchObject({ code: "LF1238" });
  expect(error.message).not.toContain("secret-access-key");
  expect(error.message).not.toContain("\n");
});

test("a full disk is named by the file that could not be written", () => {
  const error = Object.assign(new Error("ENOSPC"), { code: "ENOSPC", path: "/keys/.a.tmp" });
  expect(coded(error)).toMatchObject({ code: "LF1350", summary: "The disk of /keys/.a.tmp is full." });
});

test("what has a code keeps it, and a bug stays a bug", () => {
  const own = new FleetError("LF1501", "It differs.", { fix: "set it back." });
  const bug = new TypeError("undefined is not a function");
  expect([coded(own), coded(bug)]).toEqual([own, bug]);
});

import { expect, test } from "vitest";
import { decodeVersioned, encodeVersioned } from "../../keystore/versioned-record.js";
import { devTreasury, livedWorker, newWorker } from "./fixtures.js";

const ref = "worker/8200/home";

test("a record with its version comes back from its text", () => {
  const [worker, treasury] = [livedWorker(), devTreasury()];
  expect(decodeVersioned(encodeVersioned({ version: 7, record: worker }), ref)).toEqual({ version: 7, record: worker });
  const text = encodeVersioned({ version: 1, record: treasury });
  expect(decodeVersioned(text, "treasury/8200/main").record).toEqual(treasury);
});

const changed = (change: (plain: Record<string, unknown>) => unknown): string =>
  JSON.stringify(change(JSON.parse(encodeVersioned({ version: 1, record: newWorker() })) as Record<string, unknown>));

test.each([
  ["that is no JSON", () => `${"5e".repeat(32)}{`, "it is no JSON"],
  ["of a newer form", () => changed((plain) => ({ ...plain, version: 2 })), "a newer version of lightchain-fleet"],
  ["with another field", () => changed((plain) => ({ ...plain, more: 1 })), "its fields are not those of a record"],
  [
    "without a revision",
    () => changed(({ version, record }) => ({ version, record })),
    "its fields are not those of a record",
  ],
  ["with a number that is none", () => changed((plain) => ({ ...plain, record: { epoch: 1.5 } })), "its fields"],
  ["with half a record", () => changed((plain) => ({ ...plain, record: { kind: "worker" } })), "not a record: "],
  ["of another worker", () => encodeVersioned({ version: 1, record: newWorker("other") }), "it is another record's"],
])("a text %s is refused, in words of ours alone", (_, text, says) => {
  const refused = (): unknown => {
    try {
      return decodeVersioned(text(), ref);
    } catch (error) {
      return error;
    }
  };
  const error = refused() as Error;
  expect(error).toMatchObject({ constructor: Error, message: expect.stringContaining(says) as string });
  expect([error.cause, error.message.includes("5e5e")]).toEqual([undefined, false]);
});

import { expect, test } from "vitest";
import { keptArchived, keptOf } from "../../../components/keys/kept.js";

const secret = { region: "us-east-1", secret: "lightchain/worker/8200/home", deletion: null };
const arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd";

test.each([
  ["file:/home/me/.lightchain/keys", undefined],
  ["aws-sm:us-east-1/lightchain", { ...secret, kmsKey: null }],
  ["aws-sm:us-east-1/lightchain?kms=alias/mine", { ...secret, kmsKey: "alias/mine" }],
  ["aws-sm:us-east-1/lightchain?kms=own", { ...secret, kmsKey: "alias/lightchain/lightchain" }],
])("of a worker whose store is %s a stack tells what is kept: %o", (store, kept) =>
  expect(keptOf(store, 8200, "home")).toEqual(kept),
);

test("a destroy names secret and own key, says that they are there for good, and how they are deleted", () => {
  const line = keptArchived("home", { ...secret, key: arn, ownKey: "alias/lightchain/lightchain" });
  expect(line).toContain(
    `secret lightchain/worker/8200/home in us-east-1, encrypted with the store's own KMS key alias/lightchain/lightchain (${arn}), no deletion date.`,
  );
  expect(line).toContain(
    "aws secretsmanager delete-secret --region us-east-1 --secret-id lightchain/worker/8200/home --recovery-window-in-days 30;",
  );
  expect(line).toContain(
    `aws secretsmanager list-secrets --region us-east-1 --include-planned-deletion --query "SecretList[?KmsKeyId=='${arn}'].Name" shows none:`,
  );
  expect(line).toContain(
    `aws kms schedule-key-deletion --region us-east-1 --key-id ${arn} --pending-window-in-days 30`,
  );
});

test.each([
  ["the operator's own", "alias/mine", "encrypted with your KMS key alias/mine, no deletion date"],
  ["AWS's", null, "encrypted with AWS's own key, no deletion date"],
])("a key that is %s is named, and how to delete it is not said", (_, key, says) => {
  const line = keptArchived("home", { ...secret, key, ownKey: null });
  expect(line).toContain(says);
  expect(line).toContain("aws secretsmanager delete-secret");
  expect(line).not.toContain("aws kms");
});

test("a deletion that somebody asked for is told with its day", () => {
  const kept = { ...secret, key: null, ownKey: null, deletion: new Date("2026-08-31T12:00:00Z") };
  expect(keptArchived("home", kept)).toContain("deletion date 2026-08-31.");
});

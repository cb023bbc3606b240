import fc from "fast-check";
import { expect, test } from "vitest";
import { awsFailure, isRefusedByItself } from "../../keystore/aws-failure.js";

const asked = { action: "secretsmanager:GetSecretValue", region: "us-east-1", name: "lightchain/worker/8200/home" };

/** A failure as the SDK throws it. */
const failure = (name: string, message = "", more: object = {}): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400, requestId: "r-1" } }, more);

test.each<[what: string, error: unknown, code: string, says: string]>([
  ["no credentials", failure("CredentialsProviderError", "Could not load"), "LF1117", "aws sts get-caller-identity"],
  ["credentials of nobody", failure("UnrecognizedClientException"), "LF1117", "aws account enable-region"],
  ["credentials that have expired", failure("ExpiredTokenException"), "LF1117", "they have expired"],
  ["a wrong clock or secret", failure("InvalidSignatureException"), "LF1117", "this machine's clock"],
  [
    "a policy that lacks something, in AWS's words",
    failure(
      "AccessDeniedException",
      "User: arn:aws:iam::1:user/me is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k because no identity-based policy allows it",
    ),
    "LF1118",
    "AWS does not allow kms:Decrypt on arn:aws:kms:us-east-1:1:key/k.",
  ],
  [
    "a policy that lacks something, without AWS's words",
    failure("AccessDeniedException", "no"),
    "LF1118",
    "AWS does not allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:us-east-1:*:secret:lightchain/worker/8200/home-??????.",
  ],
  ["KMS that refuses", failure("AccessDeniedException", "Access to KMS is not allowed"), "LF1118", "kms:Decrypt"],
  ["throttling", failure("ThrottlingException"), "LF1120", "throttles secretsmanager:GetSecretValue"],
  [
    "throttling by its status",
    failure("Whatever", "", { $metadata: { httpStatusCode: 429 } }),
    "LF1120",
    "run fewer stacks",
  ],
  ["a key that is gone", failure("DecryptionFailure"), "LF1122", "aws kms cancel-key-deletion"],
  ["a region that is none", Object.assign(new Error("x"), { code: "ENOTFOUND" }), "LF1119", "us-east-1"],
  [
    "a machine without a network, below the SDK's wrapping",
    new Error("x", { cause: Object.assign(new Error("y"), { code: "ECONNREFUSED" }) }),
    "LF1123",
    "AWS says ECONNREFUSED",
  ],
  ["a failure inside AWS", failure("InternalServiceError"), "LF1123", "AWS says InternalServiceError (request r-1)"],
  ["what is no error", "text", "LF1123", "secretsmanager:GetSecretValue in us-east-1 failed"],
])("%s is told with its code and its way out", (_, error, code, says) => {
  const told = awsFailure(error, asked);
  expect(told.code).toBe(code);
  expect(told.message).toContain(says);
});

test.each<[what: string, error: unknown, code: string, says: string]>([
  [
    "a policy that lacks something",
    failure("AccessDeniedException", "no"),
    "LF1118",
    "allow kms:CreateAlias on alias/lightchain/x",
  ],
  ["a key in no state for it", failure("KMSInvalidStateException"), "LF1123", "kms:CreateAlias in us-east-1 failed"],
])("of KMS itself %s is told as KMS's, and names no secret", (_, error, code, says) => {
  const told = awsFailure(error, {
    ...{ action: "kms:CreateAlias", region: "us-east-1" },
    ...{ name: "alias/lightchain/x", resource: "alias/lightchain/x" },
  });
  expect(told.code).toBe(code);
  expect(told.message).toContain(says);
  expect(told.message).not.toContain("describe-secret");
});

test.each([
  ["its own policy", "because no resource-based policy allows the kms:ListResourceTags action", true],
  ["its own policy, outright", "with an explicit deny in a resource-based policy", true],
  ["the caller's policy", "because no identity-based policy allows the kms:ListResourceTags action", false],
])("a thing is told to be somebody else's when %s refuses", (_, because, isSo) => {
  const words = `User: arn:aws:iam::1:user/me is not authorized to perform: kms:ListResourceTags on resource: arn:aws:kms:us-east-1:1:key/k ${because}`;
  expect(isRefusedByItself(failure("AccessDeniedException", words))).toBe(isSo);
  expect(isRefusedByItself(failure("ThrottlingException", words))).toBe(false);
});

test("nothing that AWS says of what it was asked with goes on, in message, cause or stack", () => {
  const secret = "5e".repeat(32);
  const everything = (error: unknown): string =>
    error instanceof Error ? `${error.message} ${error.stack} ${JSON.stringify(error)} ${everything(error.cause)}` : "";
  fc.assert(
    fc.property(
      fc.constantFrom("ValidationException", "AccessDeniedException", "DecryptionFailure", "SyntaxError", "Throttling"),
      fc.string(),
      (name, around) => {
        const words = `${around} Value '${secret}' at 'secretString' failed to satisfy constraint; on resource: ${secret}`;
        const told = awsFailure(failure(name, words, { $response: { body: secret }, secretString: secret }), asked);
        expect(everything(told)).not.toContain(secret);
      },
    ),
  );
});

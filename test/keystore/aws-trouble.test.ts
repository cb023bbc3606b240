import { expect, test } from "vitest";
import { readAwsTrouble, requestIn, type AwsTroubleKind } from "../../keystore/aws-trouble.js";

const named = (name: string, more: object = {}): Error => Object.assign(new Error("as AWS says it"), { name }, more);
const system = (code: string): Error => Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code });

const called = (kind: AwsTroubleKind, ...names: string[]): [error: unknown, kind: AwsTroubleKind][] =>
  names.map((name) => [named(name), kind]);

test.each<[error: unknown, kind: AwsTroubleKind]>([
  ...called("no credentials", "CredentialsProviderError", "TokenProviderError"),
  ...called(
    "credentials unknown",
    "AuthFailure",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "OptInRequired",
  ),
  ...called("credentials refused", "ExpiredToken", "ExpiredTokenException", "RequestExpired", "SignatureDoesNotMatch"),
  ...called("denied", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden"),
  ...called("throttled", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"),
  [named("Whatever", { $metadata: { httpStatusCode: 429 } }), "throttled"],
  [system("ENOTFOUND"), "no such name"],
  [new Error("wrapped", { cause: system("ENOTFOUND") }), "no such name"],
  [system("ECONNREFUSED"), "unreachable"],
  [system("ECONNRESET"), "unreachable"],
  [system("EAI_AGAIN"), "unreachable"],
  [system("ETIMEDOUT"), "unreachable"],
  [named("TimeoutError"), "unreachable"],
  // a file of ours, a mistake of ours, a word of AWS's that nobody reads here
  [system("ENOENT"), "other"],
  [new TypeError("x is not a function"), "other"],
  [named("ForbiddenFruit"), "other"],
  [named("InvalidInstanceId"), "other"],
  ["a text", "other"],
  [undefined, "other"],
])("%s is read as: %s", (error, kind) => expect(readAwsTrouble(error).kind).toBe(kind));

test("of a failure it is read what it is called, and nothing of what AWS says", () => {
  const trouble = readAwsTrouble(named("ExpiredToken", { $metadata: { httpStatusCode: 403, requestId: "0a-1b" } }));
  expect(trouble).toEqual({
    kind: "credentials refused",
    code: "ExpiredToken",
    system: undefined,
    credentials: "they have expired",
    status: 403,
    request: "0a-1b",
  });
  expect(requestIn(trouble)).toBe(" (request 0a-1b)");
  expect(requestIn(readAwsTrouble(named("A", { $metadata: { requestId: "<b>" } })))).toBe("");
});

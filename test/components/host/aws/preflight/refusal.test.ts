import { expect, test } from "vitest";
import { refusalOf } from "../../../../../components/host/aws/preflight/refusal.js";

const question = { action: "ec2:DescribeInstances", region: "eu-south-2" };
const ofAccount = { action: "sts:GetCallerIdentity", region: "us-east-1", ofAccount: true };
const named = (name: string): Error => Object.assign(new Error("as AWS says it"), { name });
const below = (code: string): Error => new Error("wrapped", { cause: Object.assign(new Error(code), { code }) });

test.each<[what: string, error: unknown, asked: typeof question, said: RegExp]>([
  [
    "no credentials",
    named("CredentialsProviderError"),
    question,
    /^LF1820: .* none were found\. Next: .*aws sso login/,
  ],
  ["expired credentials", named("ExpiredToken"), ofAccount, /^LF1820: .* they have expired/],
  ["credentials that AWS does not know", named("InvalidClientTokenId"), ofAccount, /^LF1820: .* does not know them/],
  [
    "credentials that a region does not know",
    named("AuthFailure"),
    question,
    /^LF1822: The region eu-south-2 .* Next: aws account enable-region --region-name eu-south-2;/,
  ],
  ["a region that was not opted in to", named("OptInRequired"), question, /^LF1822/],
  ["a region that there is not", below("ENOTFOUND"), question, /^LF1823: AWS has no region eu-south-2/],
  ["no way to AWS at all", below("ENOTFOUND"), ofAccount, /^LF1829: .* us-east-1 failed: ENOTFOUND/],
  ["no name service", below("EAI_AGAIN"), question, /^LF1829: .* EAI_AGAIN\. Next: see to this machine's network/],
  ["too many requests", named("RequestLimitExceeded"), question, /^LF1827: AWS throttles ec2:DescribeInstances/],
  ["an account that AWS has closed", named("Blocked"), question, /^LF1829: .* Blocked: as AWS says it/],
  [
    "an answer that is none",
    Object.assign(new Error("bad\nhint"), { name: "SyntaxError" }),
    question,
    /SyntaxError: bad\. /,
  ],
  ["an account that may not say who it is", named("AccessDenied"), ofAccount, /^LF1829: .* AccessDenied/],
])("%s is told as such", (_, error, asked, said) => expect(() => refusalOf(error, asked)).toThrow(said));

test.each(["AccessDeniedException", "UnauthorizedOperation"])("%s leaves the question open", (name) =>
  expect(refusalOf(named(name), question)).toEqual({ denied: "ec2:DescribeInstances" }),
);

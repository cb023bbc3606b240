import { expect, test } from "vitest";
import { refusalOf } from "../../../components/host/ssm/refusal.js";

const named = (name: string, message = "as AWS says it"): Error => Object.assign(new Error(message), { name });

test.each<[name: string, why: RegExp, fix: RegExp]>([
  ["CredentialsProviderError", /no credentials/, /aws sso login/],
  ["ExpiredTokenException", /not taken, or have expired/, /log in again/],
  ["UnrecognizedClientException", /a region that is disabled/, /eu-south-2/],
  ["AccessDeniedException", /not allowed/, /allow ssm:SendCommand: as AWS says it/],
  ["NoSuchBucket", /no such bucket/, /aws s3 mb/],
  ["ThrottlingException", /too many requests/, /wait a minute/],
  ["TimeoutError", /does not answer/, /network/],
])("%s is one line with the action, the region, and what to do", (name, why, fix) => {
  const refusal = refusalOf(named(name), "ssm:SendCommand", "eu-south-2");
  expect(refusal).toMatchObject({ code: "LF1591", summary: expect.stringMatching(why) as string });
  expect(refusal?.summary).toMatch(/AWS refused ssm:SendCommand in eu-south-2/);
  expect(refusal?.fix).toMatch(fix);
});

test("a mistake of our own is not AWS's", () => {
  expect(refusalOf(new TypeError("x is not a function"), "ssm:SendCommand", "eu-south-2")).toBeUndefined();
  expect(refusalOf("a text", "ssm:SendCommand", "eu-south-2")).toBeUndefined();
});

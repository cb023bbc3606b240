import { expect, test } from "vitest";
import { accountOf, keyPolicy, secretPolicy, type Policy } from "../../keystore/secret-policies.js";

type Context = Readonly<Record<string, string>>;
type Asks = readonly [principal: string, action: string, context: Context];

/** What AWS makes of one policy: `deny` where a statement says so, else `allow` where one does, else nothing. Only the operators that ours have. */
function judge(policy: Policy, [principal, action, context]: Asks): "deny" | "allow" | "nothing" {
  const tests: Record<string, (has: string | undefined, wants: string) => boolean> = {
    StringEquals: (has, wants) => has === wants,
    StringNotEquals: (has, wants) => has !== wants, // holds of what is not there, too
    StringLike: (has, wants) => has !== undefined && patternOf(wants).test(has),
    Bool: (has, wants) => has === wants,
    BoolIfExists: (has, wants) => has === undefined || has === wants,
    NumericLessThan: (has, wants) => has !== undefined && Number(has) < Number(wants),
  };
  const effects = policy.Statement.filter(({ Principal, Action, Condition = {} }) => {
    const isMeant = Principal === "*" || Principal.AWS === principal;
    const isAction = [Action].flat().some((one) => patternOf(one).test(action));
    const isSo = Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wants]) => tests[operator]!(context[key], wants)),
    );
    return isMeant && isAction && isSo;
  }).map(({ Effect }) => Effect);
  return effects.includes("Deny") ? "deny" : effects.includes("Allow") ? "allow" : "nothing";
}
const patternOf = (text: string): RegExp =>
  new RegExp(
    `^${text
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );

const account = "arn:aws:iam::123456789012:root";
const [ours, service] = [
  { "aws:PrincipalAccount": "123456789012", "aws:PrincipalIsAWSService": "false" },
  { "aws:PrincipalIsAWSService": "true" },
];
const theirs = { "aws:PrincipalAccount": "999999999999", "aws:PrincipalIsAWSService": "false" };
const days = (count: number): Context => ({ ...ours, "secretsmanager:RecoveryWindowInDays": String(count) });
const read = "secretsmanager:GetSecretValue";
const remove = "secretsmanager:DeleteSecret";

test.each<[who: string, action: string, context: Context, verdict: string]>([
  ["the account reads", read, ours, "nothing"],
  ["another account reads", read, theirs, "deny"],
  ["another account describes", "secretsmanager:DescribeSecret", theirs, "deny"],
  ["another account changes the policy", "secretsmanager:PutResourcePolicy", theirs, "deny"],
  ["nobody's credentials read", read, {}, "deny"],
  ["a service of AWS's reads", read, service, "nothing"],
  ["the account deletes at once", remove, { ...ours, "secretsmanager:ForceDeleteWithoutRecovery": "true" }, "deny"],
  ["the account deletes within 7 days", remove, days(7), "deny"],
  ["the account deletes within 29 days", remove, days(29), "deny"],
  ["the account deletes within 30 days", remove, days(30), "nothing"],
  ["the account deletes, as long as AWS gives by itself", remove, ours, "nothing"],
  [
    "a service of AWS's deletes at once",
    remove,
    { ...service, "secretsmanager:ForceDeleteWithoutRecovery": "true" },
    "deny",
  ],
])("of a secret: where %s, its policy says %s: %o: %s", (_, action, context, verdict) => {
  expect(judge(secretPolicy("123456789012"), [account, action, context])).toBe(verdict);
});

const policy = keyPolicy({ partition: "aws", account: "123456789012" }, { region: "eu-west-1", prefix: "light/chain" });
const via = (service: string, secret: string): Context => ({
  "kms:ViaService": service,
  "kms:EncryptionContext:SecretARN": `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${secret}-AbCdEf`,
});
const manager = "secretsmanager.eu-west-1.amazonaws.com";
const ownSecret = "light/chain/worker/8200/home";

test.each<[what: string, action: string, context: Context, verdict: string]>([
  ["decrypting one of its secrets through Secrets Manager", "kms:Decrypt", via(manager, ownSecret), "allow"],
  ["encrypting one", "kms:GenerateDataKey", via(manager, ownSecret), "allow"],
  ["an archived one", "kms:Decrypt", via(manager, `${ownSecret}.0x70.archived`), "allow"],
  ["another store's secret", "kms:Decrypt", via(manager, "light/chainsaw/worker/8200/home"), "nothing"],
  ["another store's above it", "kms:Decrypt", via(manager, "light/worker/8200/home"), "nothing"],
  ["in another region", "kms:Decrypt", via("secretsmanager.us-east-1.amazonaws.com", ownSecret), "nothing"],
  ["through another service", "kms:Decrypt", via("s3.eu-west-1.amazonaws.com", ownSecret), "nothing"],
  [
    "directly",
    "kms:Decrypt",
    { "kms:EncryptionContext:SecretARN": `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${ownSecret}-AbCdEf` },
    "nothing",
  ],
  ["without a context", "kms:Decrypt", { "kms:ViaService": manager }, "nothing"],
  ["a grant to somebody else", "kms:CreateGrant", via(manager, ownSecret), "nothing"],
  ["re-encrypting for another key", "kms:ReEncryptFrom", via(manager, ownSecret), "nothing"],
  ["deleting it, and taking that back", "kms:ScheduleKeyDeletion", {}, "allow"],
  ["taking a deletion back", "kms:CancelKeyDeletion", {}, "allow"],
  ["switching it on", "kms:EnableKey", {}, "allow"],
  ["another policy, so that nobody is locked out", "kms:PutKeyPolicy", {}, "allow"],
  ["what a store asks of it: its state", "kms:DescribeKey", {}, "allow"],
  ["its rotation", "kms:GetKeyRotationStatus", {}, "allow"],
  ["to rotate it", "kms:EnableKeyRotation", {}, "allow"],
  ["its tags", "kms:ListResourceTags", {}, "allow"],
  ["its alias", "kms:CreateAlias", {}, "allow"],
])("of the store's own key: %s: %s with %o is %s", (_, action, context, verdict) => {
  expect(judge(policy, [account, action, context])).toBe(verdict);
  expect(judge(policy, ["arn:aws:iam::999999999999:root", action, context])).toBe("nothing");
});

test("no statement that allows has a wildcard in its action", () => {
  const allowed = [policy, secretPolicy("123456789012")].flatMap(({ Statement }) =>
    Statement.filter(({ Effect }) => Effect === "Allow").flatMap(({ Action }) => Action),
  );
  expect(allowed.length).toBeGreaterThan(10);
  expect(allowed.filter((action) => action.includes("*"))).toEqual([]);
});

test("elsewhere than in AWS's first partition they name that one", () => {
  const text = JSON.stringify(keyPolicy({ partition: "aws-cn", account: "1" }, { region: "cn-north-1", prefix: "x" }));
  expect(text).toContain("secretsmanager.cn-north-1.amazonaws.com.cn");
  expect(text).toContain("arn:aws-cn:secretsmanager:cn-north-1:1:secret:x/*");
  expect(text).not.toContain("arn:aws:");
});

test("a secret's account is read from its ARN, and an ARN without one is no account's", () => {
  expect(accountOf("arn:aws:secretsmanager:us-east-1:123456789012:secret:x/worker-AbCdEf")).toBe("123456789012");
  expect(() => accountOf("arn:aws:s3:::bucket")).toThrow(RangeError);
});

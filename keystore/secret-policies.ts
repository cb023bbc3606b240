/*
 * Who may do what with a store's secrets and its own key, as AWS reads it. Pure. What a policy here does not allow, or denies, holds beside the IAM policies of who asks: these
 * say what nobody in the account may do by accident, and what no policy of another account's can give.
 */

/** A policy document. */
export interface Policy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}
interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal: "*" | { readonly AWS: string };
  readonly Action: string | readonly string[];
  readonly Resource: "*";
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Whose a key is to be. */
export interface KeyOwner {
  /** `aws`, and another one in China and for governments. */
  readonly partition: string;
  readonly account: string;
}

/** All that a key needs done to it. Nothing here encrypts or decrypts, and nothing gives a right on to others (`CreateGrant`). */
const administration = [
  ...["DescribeKey", "GetKeyPolicy", "ListKeyPolicies", "ListResourceTags", "ListGrants", "RevokeGrant"],
  ...["GetKeyRotationStatus", "ListKeyRotations", "EnableKeyRotation", "DisableKeyRotation"],
  ...["CreateAlias", "UpdateAlias", "DeleteAlias", "UpdateKeyDescription", "TagResource", "UntagResource"],
  ...["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"],
  "PutKeyPolicy", // without it KMS refuses the key: nobody could change its policy any more
].map((action) => `kms:${action}`);

/**
 * Of the key that a store makes for itself. The account administers it, by whatever its IAM policies say; it decrypts and encrypts for the secrets of this store alone, and
 * only when Secrets Manager asks on somebody's behalf.
 */
export const keyPolicy = (
  { partition, account }: KeyOwner,
  { region, prefix }: { readonly region: string; readonly prefix: string },
): Policy => {
  const Principal = { AWS: `arn:${partition}:iam::${account}:root` };
  return {
    Version: "2012-10-17",
    Statement: [
      { Sid: "AdministeredByTheAccount", Effect: "Allow", Principal, Action: administration, Resource: "*" },
      {
        Sid: "UsedForSecretsOfTheStoreAlone",
        Effect: "Allow",
        Principal,
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: "*",
        Condition: {
          StringEquals: { "kms:ViaService": `secretsmanager.${region}.${domainOf(partition)}` },
          StringLike: {
            "kms:EncryptionContext:SecretARN": `arn:${partition}:secretsmanager:${region}:${account}:secret:${prefix}/*`,
          },
        },
      },
    ],
  };
};

const domainOf = (partition: string): string => (partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com");

/** Fewest days between asking for a secret's deletion and its end: the most that AWS gives. */
export const recoveryDays = 30;

/**
 * Of a secret: nothing for another account, whatever else allows it, and no deletion that could not be taken back for a month. What AWS's services do by themselves for the
 * account comes from no account.
 * @param account the secret's own
 */
export const secretPolicy = (account: string): Policy => {
  const deny = { Effect: "Deny", Principal: "*", Resource: "*" } as const;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        ...{ Sid: "NothingForOtherAccounts", ...deny, Action: "secretsmanager:*" },
        Condition: {
          StringNotEquals: { "aws:PrincipalAccount": account },
          BoolIfExists: { "aws:PrincipalIsAWSService": "false" },
        },
      },
      {
        ...{ Sid: "NoDeletionAtOnce", ...deny, Action: "secretsmanager:DeleteSecret" },
        Condition: { Bool: { "secretsmanager:ForceDeleteWithoutRecovery": "true" } },
      },
      {
        ...{ Sid: "NoDeletionWithinAMonth", ...deny, Action: "secretsmanager:DeleteSecret" },
        Condition: { NumericLessThan: { "secretsmanager:RecoveryWindowInDays": String(recoveryDays) } },
      },
    ],
  };
};

/** The account in an ARN. @throws RangeError when it names none */
export function accountOf(arn: string): string {
  const [, account] = /^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}):/.exec(arn) ?? [];
  if (account === undefined) throw new RangeError(`an ARN without an account: ${arn}`);
  return account;
}

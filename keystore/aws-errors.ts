import { FleetError } from "../schema/errors.js";
import type { RecordRef } from "./store.js";

/** LF1117: AWS was asked without credentials, or with such as it does not take. */
export class AwsCredentialsUnusable extends FleetError {
  constructor(region: string, what: string, cause?: unknown) {
    super("LF1117", `AWS (${region}) was not asked with credentials that it takes: ${what}.`, {
      fix: `make \`aws sts get-caller-identity --region ${region}\` answer in this terminal (aws configure, aws sso login, AWS_PROFILE), and run the same command again; if it answers for other regions alone, enable this one: aws account enable-region --region-name ${region}`,
      cause,
    });
  }
}

/** LF1118: these credentials may not do what was asked. */
export class AwsAccessDenied extends FleetError {
  constructor(
    readonly action: string,
    readonly resource: string,
    cause?: unknown,
  ) {
    super("LF1118", `AWS does not allow ${action} on ${resource}.`, {
      fix: `allow ${action} on ${resource} in the policy of whoever \`aws sts get-caller-identity\` names (docs/aws.md lists all that is needed), and run the same command again.`,
      cause,
    });
  }
}

/** LF1119: there is no such region, or no way to it. */
export class AwsRegionUnreachable extends FleetError {
  constructor(
    readonly region: string,
    cause?: unknown,
  ) {
    super("LF1119", `AWS is not to be found in the region ${region}.`, {
      fix: "aws account list-regions shows the regions that there are; if it is one of them, see to this machine's network and name service.",
      cause,
    });
  }
}

/** LF1120: AWS told us, for as long as we tried, to ask less often. */
export class AwsThrottled extends FleetError {
  constructor(action: string, region: string, cause?: unknown) {
    super("LF1120", `AWS (${region}) throttles ${action}, and went on doing so.`, {
      fix: "run the same command again in a minute: it goes on where it stopped; if that happens often, run fewer stacks of this account and region at the same time.",
      cause,
    });
  }
}

/** LF1121: a record has outgrown what Secrets Manager keeps of one: 65,536 bytes. */
export class SecretTooLarge extends FleetError {
  constructor(
    readonly ref: RecordRef,
    bytes: number,
    transactions: number,
  ) {
    super(
      "LF1121",
      `The record ${ref} would have ${bytes} bytes, of which Secrets Manager keeps ${longestSecretBytes}; it lists the ${transactions} transactions that it sent. Nothing was changed.`,
      {
        fix: ref.startsWith("treasury/")
          ? "wait until some of its payments are a day old, which are kept as a sum from then on; or name another treasury, with a key of its own, for what is still to be paid."
          : "npx fleet keys backup, and restore it into a file: store, which has no such limit.",
      },
    );
  }
}
/** What AWS keeps of one secret's value. */
export const longestSecretBytes = 65_536;

/** LF1122: the KMS key of a secret cannot be used. */
export class SecretKeyUnusable extends FleetError {
  constructor(name: string, region: string, cause?: unknown) {
    super("LF1122", `The KMS key of the secret ${name} cannot be used.`, {
      fix: `aws secretsmanager describe-secret --region ${region} --secret-id '${name}' names it, aws kms describe-key says why: enable it (aws kms enable-key), or cancel its deletion (aws kms cancel-key-deletion) at once, since what it encrypted is lost without it.`,
      cause,
    });
  }
}

/** LF1123: Secrets Manager did not answer, or not as it should. */
export class SecretsManagerUnavailable extends FleetError {
  constructor(action: string, region: string, what: string, cause?: unknown) {
    super("LF1123", `${action} in ${region} failed: ${what}.`, {
      fix: "run the same command again: it reads first and does only what is missing; https://health.aws.amazon.com tells of AWS's own trouble.",
      cause,
    });
  }
}

/** LF1124: somebody scheduled the secret with these keys for deletion. Until that date it can be restored; afterwards the keys are lost. */
export class SecretScheduledForDeletion extends FleetError {
  constructor(
    readonly ref: RecordRef,
    name: string,
    region: string,
    when: Date,
  ) {
    super(
      "LF1124",
      `The secret ${name} with the keys ${ref} is scheduled for deletion (AWS: ${when.toISOString().slice(0, 10)}), and cannot be read.`,
      {
        fix: `aws secretsmanager restore-secret --region ${region} --secret-id '${name}' and run the same command again; find out who deletes it, since a worker's stake is lost with its keys.`,
      },
    );
  }
}

/** LF1125: a record was changed more often than Secrets Manager takes: it keeps a hundred versions, and none of the last 24 hours is dropped. */
export class SecretVersionsUsedUp extends FleetError {
  constructor(readonly ref: RecordRef) {
    super("LF1125", `The record ${ref} was changed too often for Secrets Manager within a day. Nothing was changed.`, {
      fix: "run the same command again tomorrow: it goes on where it stopped; keep what is changed that often in a file: store.",
    });
  }
}

/** LF1126: the KMS key that a store made for itself is switched off or going, so that no secret is made with it. */
export class StoreKeyUnusable extends FleetError {
  /** @param key its `state` as KMS calls it; when it is deleted, where that was asked for */
  constructor(
    readonly store: string,
    region: string,
    key: { readonly arn: string; readonly state: string; readonly deletion: Date | null },
  ) {
    const { arn } = key;
    const when = key.deletion === null ? "" : ` (on ${key.deletion.toISOString().slice(0, 10)})`;
    const what = key.state === "PendingDeletion" ? `scheduled for deletion${when}` : key.state.toLowerCase();
    super("LF1126", `The KMS key ${arn} of the store ${store} is ${what}: no secret is made with it.`, {
      fix:
        key.state === "PendingDeletion"
          ? `aws kms cancel-key-deletion --region ${region} --key-id ${arn} && aws kms enable-key --region ${region} --key-id ${arn}, at once, since what it encrypted is lost with it; then run the same command again.`
          : key.state === "Disabled"
            ? `aws kms enable-key --region ${region} --key-id ${arn}, and run the same command again.`
            : `wait until aws kms describe-key --region ${region} --key-id ${arn} says Enabled, and run the same command again.`,
    });
  }
}

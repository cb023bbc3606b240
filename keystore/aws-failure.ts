import type { FleetError } from "../schema/errors.js";
import {
  AwsAccessDenied,
  AwsCredentialsUnusable,
  AwsRegionUnreachable,
  AwsThrottled,
  SecretKeyUnusable,
  SecretsManagerUnavailable,
} from "./aws-errors.js";
import { readAwsTrouble, requestIn, type AwsTrouble } from "./aws-trouble.js";

/** What was asked of Secrets Manager, or of KMS for it, when it failed. */
export interface Asked {
  /** As a policy names it: `secretsmanager:GetSecretValue`. */
  readonly action: string;
  readonly region: string;
  /** The secret's name, or a key's. */
  readonly name: string;
  /** What a policy would have to allow it on. Default: the secret of that name. */
  readonly resource?: string;
}

/**
 * What a person is told of a failure of the SDK's or of AWS. AWS's own words may repeat what it was asked with, the secret itself: so only names, codes and what is
 * known to be a name go on from here, and never the failure itself. Pure.
 */
export function awsFailure(error: unknown, asked: Asked): FleetError {
  const { action, region, name } = asked;
  const trouble = readAwsTrouble(error);
  const { kind, code, system } = trouble;
  const cause = withoutContent(trouble);
  switch (kind) {
    case "no credentials":
      return new AwsCredentialsUnusable(region, "none were found", cause);
    case "credentials unknown":
    case "credentials refused":
      return new AwsCredentialsUnusable(region, trouble.credentials ?? code, cause);
    case "denied":
      return new AwsAccessDenied(deniedAction(error, action), deniedResource(error, asked), cause);
    case "throttled":
      return new AwsThrottled(action, region, cause);
    case "no such name":
      return new AwsRegionUnreachable(region, cause);
    case "unreachable":
      if (system === "EAI_AGAIN") return new AwsRegionUnreachable(region, cause);
      break;
    case "other":
      if (action.startsWith("secretsmanager:") && /^(DecryptionFailure|EncryptionFailure|KMS)/.test(code))
        return new SecretKeyUnusable(name, region, cause);
  }
  return new SecretsManagerUnavailable(action, region, `AWS says ${system ?? code}${requestIn(trouble)}`, cause);
}

/** AWS names both in its sentence; where it does not, what was asked is told. */
const deniedAction = (error: unknown, asked: string): string =>
  /not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)/.exec(wordsOf(error))?.[1] ??
  (/\bKMS\b/.test(wordsOf(error)) ? "kms:Decrypt and kms:GenerateDataKey" : asked);
const deniedResource = (error: unknown, { region, name, resource }: Asked): string =>
  /on resource: (arn:[A-Za-z0-9:/_+=.@*?-]+)/.exec(wordsOf(error))?.[1] ??
  resource ??
  (/\bKMS\b/.test(wordsOf(error))
    ? `the KMS key of ${name}`
    : `arn:aws:secretsmanager:${region}:*:secret:${name}-??????`);

/** Whether it is not this caller's policy that refuses, but the thing's own: it is somebody else's. */
export const isRefusedByItself = (error: unknown): boolean =>
  readAwsTrouble(error).kind === "denied" &&
  /no resource-based policy allows|deny in a resource-based policy/.test(wordsOf(error));

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : "");

/** A cause to look at later: the failure's name and status alone. */
const withoutContent = (trouble: AwsTrouble): Error =>
  new Error(`${trouble.code}, HTTP ${trouble.status ?? "none"}${requestIn(trouble)}`);

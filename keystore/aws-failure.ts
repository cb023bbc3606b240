import type { FleetError } from "../schema/errors.js";
import {
  AwsAccessDenied,
  AwsCredentialsUnusable,
  AwsRegionUnreachable,
  AwsThrottled,
  SecretKeyUnusable,
  SecretsManagerUnavailable,
} from "./aws-errors.js";

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
  const cause = withoutContent(error);
  const code = codeOf(error);
  if (isNoCredentials(error)) return new AwsCredentialsUnusable(region, "none were found", cause);
  if (refusedCredentials.has(code))
    return new AwsCredentialsUnusable(region, refusedCredentials.get(code) ?? code, cause);
  if (isDenied(error)) return new AwsAccessDenied(deniedAction(error, action), deniedResource(error, asked), cause);
  if (isThrottle(error)) return new AwsThrottled(action, region, cause);
  const isOfSecret = action.startsWith("secretsmanager:");
  if (isOfSecret && (code === "DecryptionFailure" || code === "EncryptionFailure" || /^KMS/.test(code)))
    return new SecretKeyUnusable(name, region, cause);
  const system = systemCodeOf(error);
  if (system === "ENOTFOUND" || system === "EAI_AGAIN") return new AwsRegionUnreachable(region, cause);
  return new SecretsManagerUnavailable(action, region, `AWS says ${system ?? code}${requestOf(error)}`, cause);
}

/** What the SDK and AWS call a failure: `AccessDeniedException`. */
export const codeOf = (error: unknown): string => (error instanceof Error ? error.name : "nothing");

/** What AWS says of credentials that it does not take, by its code, for a person. */
export const refusedCredentials: ReadonlyMap<string, string> = new Map([
  ["UnrecognizedClientException", "it does not know them here"],
  ["InvalidClientTokenId", "it does not know them here"],
  ["AuthFailure", "it does not know them here"],
  ["InvalidSignatureException", "their secret half is wrong, or this machine's clock is"],
  ["SignatureDoesNotMatch", "their secret half is wrong, or this machine's clock is"],
  ["IncompleteSignature", "they are incomplete"],
  ["MissingAuthenticationToken", "they are missing"],
  ["MissingAuthenticationTokenException", "they are missing"],
  ["ExpiredToken", "they have expired"],
  ["ExpiredTokenException", "they have expired"],
  ["RequestExpired", "they have expired, or this machine's clock is wrong"],
  ["OptInRequired", "this account has not enabled the region"],
]);

const throttles = new Set([
  ...["ThrottlingException", "Throttling", "ThrottledException", "RequestThrottled", "RequestThrottledException"],
  ...["TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "ProvisionedThroughputExceededException"],
]);

/** Whether AWS says that it is asked too often. */
export const isThrottle = (error: unknown): boolean => throttles.has(codeOf(error)) || statusOf(error) === 429;

/** Whether these credentials may not do what was asked. */
export const isDenied = (error: unknown): boolean =>
  /AccessDenied|NotAuthorized|UnauthorizedOperation/.test(codeOf(error));

/** The SDK's own error when its chain of places for credentials ends, or a place has them no longer. */
export const isNoCredentials = (error: unknown): boolean =>
  ["CredentialsProviderError", "TokenProviderError", "ProviderError"].includes(codeOf(error));

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
  isDenied(error) && /no resource-based policy allows|deny in a resource-based policy/.test(wordsOf(error));

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : "");

const metadataOf = (error: unknown): { httpStatusCode?: unknown; requestId?: unknown } =>
  (error as { $metadata?: object } | null)?.$metadata ?? {};
function statusOf(error: unknown): number | undefined {
  const { httpStatusCode } = metadataOf(error);
  return typeof httpStatusCode === "number" ? httpStatusCode : undefined;
}
/** AWS's own number of the request, to ask its support with. */
export const requestOf = (error: unknown): string => {
  const { requestId } = metadataOf(error);
  return typeof requestId === "string" && /^[A-Za-z0-9-]+$/.test(requestId) ? ` (request ${requestId})` : "";
};

/** `ECONNREFUSED` and the like, also from below the SDK's wrapping. */
export function systemCodeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string" && /^E[A-Z_]+$/.test(code)) return code;
  }
  return undefined;
}

/** A cause to look at later: the failure's name and status alone. */
const withoutContent = (error: unknown): Error =>
  new Error(`${codeOf(error)}, HTTP ${statusOf(error) ?? "none"}${requestOf(error)}`);

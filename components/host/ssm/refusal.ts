import { AwsRefused } from "./errors.js";

/** An error as AWS's clients throw it. */
interface AwsError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** What is wrong when AWS refuses, and what to do, by the name that its clients give an error. Pure. */
export function refusalOf(error: unknown, action: string, region: string): AwsRefused | undefined {
  if (!(error instanceof Error)) return undefined;
  const refused = (why: string, fix: string): AwsRefused => new AwsRefused(action, region, why, fix, error);
  const { name, message } = error as AwsError;
  if (/CredentialsProviderError|CredentialsError/.test(name))
    return refused(
      "there are no credentials",
      "log in (aws sso login, or AWS_PROFILE); then run the same command again.",
    );
  if (
    /ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|AuthFailure/.test(name)
  )
    return refused(
      "the credentials are not taken, or have expired; a region that is disabled says the same",
      `log in again, or enable the region (aws account get-region-opt-status --region-name ${region}); then run the same command again.`,
    );
  if (/NoSuchBucket|PermanentRedirect/.test(name))
    return refused(
      "there is no such bucket in that region",
      "correct the bucket's name or region, or make it (aws s3 mb); then run the same command again.",
    );
  if (/AccessDenied|UnauthorizedOperation|Forbidden/.test(name))
    return refused("it is not allowed", `allow ${action}: ${message}; then run the same command again.`);
  if (/Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(name))
    return refused("there were too many requests", "wait a minute, then run the same command again.");
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|TimeoutError|NetworkingError/.test(`${name} ${message}`))
    return refused(
      `it does not answer (${message})`,
      "check the region's name and the network; then run the same command again.",
    );
  return undefined;
}

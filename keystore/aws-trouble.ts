/*
 * What AWS's SDK, AWS itself or the way there says is wrong, read in one place: whoever asked makes his own error of it. AWS's words may repeat what it was asked with, a secret too:
 * nothing of them is in what is read here but what is known to be a name.
 */

/** What is wrong, and whose it is to mend. */
export type AwsTroubleKind =
  /** The places for credentials hold none. */
  | "no credentials"
  /** They are not known there. Where they are taken elsewhere, their account has not enabled the region. */
  | "credentials unknown"
  /** They are known, and not taken: expired, incomplete, badly signed. */
  | "credentials refused"
  /** A policy does not allow it. */
  | "denied"
  /** AWS is asked too often, and was for as long as the SDK tried. */
  | "throttled"
  /** There is no server of that name. */
  | "no such name"
  /** No answer came. */
  | "unreachable"
  /** AWS says something else: {@link AwsTrouble.code}. */
  | "other";

/** What was read of a failure. */
export interface AwsTrouble {
  readonly kind: AwsTroubleKind;
  /** What the SDK and AWS call it: `AccessDeniedException`; `nothing`: it was no error at all. */
  readonly code: string;
  /** The system's own code for it, where it has one: `ECONNREFUSED`. */
  readonly system: string | undefined;
  /** For a person: what of the credentials is not taken. */
  readonly credentials: string | undefined;
  /** HTTP's status. */
  readonly status: number | undefined;
  /** AWS's number of the request, to ask its support with. */
  readonly request: string | undefined;
}

/** Reads a failure. Pure. */
export function readAwsTrouble(error: unknown): AwsTrouble {
  const code = codeOf(error);
  const system = systemCodeOf(error);
  const { httpStatusCode, requestId } = metadataOf(error);
  const status = typeof httpStatusCode === "number" ? httpStatusCode : undefined;
  const request = typeof requestId === "string" && /^[A-Za-z0-9-]+$/.test(requestId) ? requestId : undefined;
  const credentials = unknownHere.get(code) ?? refused.get(code);
  return { kind: kindOf(code, system, status), code, system, credentials, status, request };
}

function kindOf(code: string, system: string | undefined, status: number | undefined): AwsTroubleKind {
  if (noneFound.has(code)) return "no credentials";
  if (unknownHere.has(code)) return "credentials unknown";
  if (refused.has(code)) return "credentials refused";
  if (/AccessDenied|NotAuthorized|UnauthorizedOperation|^Forbidden$/.test(code)) return "denied";
  if (throttles.test(code) || status === 429) return "throttled";
  if (system === "ENOTFOUND") return "no such name";
  if (system !== undefined && networkCodes.has(system)) return "unreachable";
  return /^(TimeoutError|NetworkingError)$/.test(code) ? "unreachable" : "other";
}

/** The SDK's own, when its chain of places for credentials ends or a place has them no longer. */
const noneFound = new Set(["CredentialsProviderError", "CredentialsError", "TokenProviderError", "ProviderError"]);

const unknownHere: ReadonlyMap<string, string> = new Map([
  ["UnrecognizedClientException", "it does not know them here"],
  ["InvalidClientTokenId", "it does not know them here"],
  ["AuthFailure", "it does not know them here"],
  ["OptInRequired", "this account has not enabled the region"],
]);

const refused: ReadonlyMap<string, string> = new Map([
  ["InvalidSignatureException", "their secret half is wrong, or this machine's clock is"],
  ["SignatureDoesNotMatch", "their secret half is wrong, or this machine's clock is"],
  ["IncompleteSignature", "they are incomplete"],
  ["MissingAuthenticationToken", "they are missing"],
  ["MissingAuthenticationTokenException", "they are missing"],
  ["ExpiredToken", "they have expired"],
  ["ExpiredTokenException", "they have expired"],
  ["RequestExpired", "they have expired, or this machine's clock is wrong"],
]);

const throttles = /Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|ProvisionedThroughputExceeded/;

const networkCodes = new Set([
  ...["EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"],
]);

/** The request's number, for a sentence's end. */
export const requestIn = ({ request }: AwsTrouble): string => (request === undefined ? "" : ` (request ${request})`);

/** What the SDK and AWS call a failure: `AccessDeniedException`. */
export const codeOf = (error: unknown): string => (error instanceof Error ? error.name : "nothing");

const metadataOf = (error: unknown): { httpStatusCode?: unknown; requestId?: unknown } =>
  (error as { $metadata?: object } | null)?.$metadata ?? {};

/** `ECONNREFUSED` and the like, also from below the SDK's wrapping. */
function systemCodeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string" && /^E[A-Z_]+$/.test(code)) return code;
  }
  return undefined;
}

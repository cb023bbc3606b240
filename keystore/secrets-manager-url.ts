/** Where a store in AWS Secrets Manager is. */
export interface SecretsManagerPlace {
  readonly region: string;
  /** What its secrets' names begin with. */
  readonly prefix: string;
  /** Key that new secrets are encrypted with: an id, ARN or alias; `own`: one that the store makes for itself. `null`: AWS's own for Secrets Manager. */
  readonly kms: string | null;
}

/** As `kms` of a place: the store's own key (`store-key.ts`). No key's id, ARN or alias is that short a word. */
export const ownKms = "own";

/** A secret's name may have 512 characters; the rest is for the record's own name, and its address once it is set aside. */
const longestPrefix = 256;

/** An alias may have 256 characters. */
const longestAlias = 256;

/**
 * What the key goes by that a store makes for itself. Two prefixes never have one alias: of what a prefix may have and an alias may not, and of the underscore that says so,
 * the code stands there. Pure.
 */
export const ownKeyAlias = (prefix: string): string =>
  `alias/lightchain/${prefix.replace(/[^A-Za-z0-9/-]/g, (character) => `_${character.charCodeAt(0).toString(16).padStart(2, "0")}`)}`;

/**
 * Reads `aws-sm:<region>/<prefix>`, or with `?kms=<id, alias, ARN or own>` behind it. Pure.
 * @returns `undefined` when it is none
 */
export function parseSecretsManagerUrl(url: string): SecretsManagerPlace | undefined {
  const match = /^aws-sm:([a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2})\/([A-Za-z0-9/_+=.@-]+)(?:\?kms=([A-Za-z0-9/:_-]+))?$/.exec(
    url,
  );
  const [, region, prefix, kms] = match ?? [];
  if (region === undefined || prefix === undefined || prefix.length > longestPrefix) return undefined;
  // Empty parts and dots would be other names to a person, and other folders on this machine.
  if (prefix.split("/").some((part) => part === "" || part === "." || part === "..")) return undefined;
  if (kms === ownKms && ownKeyAlias(prefix).length > longestAlias) return undefined;
  return { region, prefix, kms: kms ?? null };
}

/** The url that {@link parseSecretsManagerUrl} reads. Pure. */
export const secretsManagerUrl = ({ region, prefix, kms }: SecretsManagerPlace): string =>
  `aws-sm:${region}/${prefix}${kms === null ? "" : `?kms=${kms}`}`;

/** Where a store in AWS Secrets Manager is. */
export interface SecretsManagerPlace {
  readonly region: string;
  /** What its secrets' names begin with. */
  readonly prefix: string;
  /** Key that new secrets are encrypted with: an id, ARN or alias. `null`: AWS's own for Secrets Manager. */
  readonly kms: string | null;
}

/** A secret's name may have 512 characters; the rest is for the record's own name, and its address once it is set aside. */
const longestPrefix = 256;

/**
 * Reads `aws-sm:<region>/<prefix>`, or with `?kms=<id, alias or ARN>` behind it. Pure.
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
  return { region, prefix, kms: kms ?? null };
}

/** The url that {@link parseSecretsManagerUrl} reads. Pure. */
export const secretsManagerUrl = ({ region, prefix, kms }: SecretsManagerPlace): string =>
  `aws-sm:${region}/${prefix}${kms === null ? "" : `?kms=${kms}`}`;

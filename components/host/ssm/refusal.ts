import { readAwsTrouble } from "../../../keystore/aws-trouble.js";
import { AwsRefused } from "./errors.js";

/**
 * Asks AWS by a client that is there for this alone.
 * @param asked.action what has to be allowed, for whoever is refused
 * @throws AwsRefused LF1591, and whatever else AWS says as its client throws it
 */
export async function asking<C extends { destroy(): void }, T>(
  client: C,
  { action, region }: { readonly action: string; readonly region: string },
  work: (client: C) => Promise<T>,
): Promise<T> {
  try {
    return await work(client);
  } catch (error) {
    throw refusalOf(error, action, region) ?? error;
  } finally {
    client.destroy();
  }
}

/** What is wrong when AWS refuses, and what to do; `undefined`: it is no refusal of AWS's. Pure. */
export function refusalOf(error: unknown, action: string, region: string): AwsRefused | undefined {
  if (!(error instanceof Error)) return undefined;
  const refused = (why: string, fix: string): AwsRefused => new AwsRefused(action, region, why, fix, error);
  const { kind, code } = readAwsTrouble(error);
  switch (kind) {
    case "no credentials":
      return refused(
        "there are no credentials",
        "log in (aws sso login, or AWS_PROFILE); then run the same command again.",
      );
    case "credentials unknown":
    case "credentials refused":
      return refused(
        "the credentials are not taken, or have expired; a region that is disabled says the same",
        `log in again, or enable the region (aws account get-region-opt-status --region-name ${region}); then run the same command again.`,
      );
    case "denied":
      return refused("it is not allowed", `allow ${action}: ${error.message}; then run the same command again.`);
    case "throttled":
      return refused("there were too many requests", "wait a minute, then run the same command again.");
    case "no such name":
    case "unreachable":
      return refused(
        `it does not answer (${error.message})`,
        "check the region's name and the network; then run the same command again.",
      );
    case "other":
      if (code !== "NoSuchBucket" && code !== "PermanentRedirect") return undefined;
      return refused(
        "there is no such bucket in that region",
        "correct the bucket's name or region, or make it (aws s3 mb); then run the same command again.",
      );
  }
}

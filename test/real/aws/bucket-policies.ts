import type { IncomingMessage } from "node:http";

/*
 * moto holds a statement of a bucket's policy for everybody, whatever its condition: it is told of none that has one, and whoever asks for the policy gets it whole from here.
 */

/** What buckets were given, by their paths. */
export function makeBucketPolicies() {
  const whole = new Map<string, string>();
  /** The bucket that a request is about the policy of. */
  const bucketOf = ({ url = "/" }: IncomingMessage): string | undefined => /^(\/[^/?]+)\/?\?policy\b/.exec(url)?.[1];
  return {
    bucketOf,
    /** Keeps a policy. @returns what moto is told in its place */
    put(bucket: string, policy: string): string {
      whole.set(bucket, policy);
      const document = JSON.parse(policy) as { Statement: { Condition?: unknown }[] };
      return JSON.stringify({ ...document, Statement: document.Statement.filter((one) => !("Condition" in one)) });
    },
    get: (bucket: string): string | undefined => whole.get(bucket),
    drop: (bucket: string): void => void whole.delete(bucket),
  };
}

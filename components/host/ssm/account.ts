import { createRequire } from "node:module";
import type * as StsModule from "@aws-sdk/client-sts";

/** Where an account may always ask whose its credentials are, in each of AWS's partitions. */
export function homeOf(region: string): string {
  if (region.startsWith("cn-")) return "cn-north-1";
  return region.startsWith("us-gov-") ? "us-gov-west-1" : "us-east-1";
}

/**
 * The number of the account that our credentials are of, asked at a region's {@link homeOf home}: nobody can be forbidden that, and a region that is not enabled does not matter. The client is
 * loaded by whoever asks, and by nobody else.
 * @returns `undefined`: AWS names none
 * @throws what the client does
 */
export async function askAccount(region: string): Promise<string | undefined> {
  const { STSClient, GetCallerIdentityCommand } = createRequire(__filename)("@aws-sdk/client-sts") as typeof StsModule;
  const client = new STSClient({
    region: homeOf(region),
    retryMode: "adaptive",
    maxAttempts: 6,
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000 },
  });
  try {
    return (await client.send(new GetCallerIdentityCommand({}))).Account;
  } finally {
    client.destroy();
  }
}

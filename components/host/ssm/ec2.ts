import { createRequire } from "node:module";
import type * as Ec2Module from "@aws-sdk/client-ec2";
import { asking } from "./refusal.js";

/**
 * Asks EC2, by a client that is there for this alone; it is loaded by whoever has a machine there, and by nobody else.
 * @param action what has to be allowed, for whoever is refused
 * @throws AwsRefused LF1591, and whatever else AWS says as its client throws it
 */
export async function inEc2<T>(
  region: string,
  action: string,
  work: (client: Ec2Module.EC2Client, ec2: typeof Ec2Module) => Promise<T>,
): Promise<T> {
  const ec2 = createRequire(__filename)("@aws-sdk/client-ec2") as typeof Ec2Module;
  const client = new ec2.EC2Client({ region, retryMode: "adaptive", maxAttempts: 6 });
  return asking(client, { action, region }, () => work(client, ec2));
}

import { askAccount, homeOf } from "./account.js";
import { inEc2 } from "./ec2.js";
import { AwsRefused } from "./errors.js";
import type { LearntSsmWay, SsmWay } from "./reference.js";
import { refusalOf } from "./refusal.js";

/** The number of the account that our credentials are of. @throws AwsRefused LF1591 */
export async function accountOf(region: string): Promise<string> {
  try {
    return (await askAccount(region)) ?? "";
  } catch (error) {
    throw refusalOf(error, "sts:GetCallerIdentity", homeOf(region)) ?? error;
  }
}

/** A state of EC2's, such as `running` or `terminated`; `undefined`: it knows of no such instance in the account. @throws AwsRefused LF1591 */
export const stateOf = (region: string, instance: string): Promise<string | undefined> =>
  inEc2(region, "ec2:DescribeInstances", async (client, { DescribeInstancesCommand }) => {
    try {
      const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds: [instance] }));
      return Reservations[0]?.Instances?.[0]?.State?.Name;
    } catch (error) {
      if (error instanceof Error && error.name === "InvalidInstanceID.NotFound") return undefined;
      throw error;
    }
  });

/**
 * Whether an instance is gone for good, by AWS's own word. That it knows of none is believed of the account alone that the instance was reached in once: another's does not know it
 * either. An id is never given twice; a tag is, so that what is known by its tag is never gone.
 * @returns how that is known; `undefined`: it is not, or we may not ask
 */
export async function goneForGood({ region, instance, account }: SsmWay & LearntSsmWay): Promise<string | undefined> {
  if (typeof instance !== "string") return undefined;
  try {
    const state = await stateOf(region, instance);
    if (state === "terminated") return `AWS says that instance ${instance} is terminated`;
    if (state !== undefined || account === undefined || (await accountOf(region)) !== account) return undefined;
    return `account ${account} has no instance ${instance} any more`;
  } catch (error) {
    if (error instanceof AwsRefused) return undefined;
    throw error;
  }
}

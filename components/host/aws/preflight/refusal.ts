import {
  codeOf,
  isDenied,
  isNoCredentials,
  isThrottle,
  refusedCredentials,
  requestOf,
  systemCodeOf,
} from "../../../../keystore/aws-failure.js";
import { describeError, type FleetError } from "../../../../schema/errors.js";
import { AwsLoginNeeded, AwsTooBusy, AwsUnclear, NoSuchRegion, RegionNotEnabled } from "./errors.js";
import type { Fact } from "./facts.js";

/** Something that was asked of AWS. */
export interface Question {
  /** As a policy names it: `ec2:DescribeInstances`. */
  readonly action: string;
  readonly region: string;
  /** Whether it asks whose the credentials are: that is asked where every account may ask, and nobody can be forbidden it. */
  readonly ofAccount?: boolean;
}

/** What AWS says where it knows the credentials elsewhere, and has not let their account in. */
const notLetIn = new Set(["AuthFailure", "UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"]);

/** What is known after a question failed: that it may not be asked, which is for a warning. Everything else keeps a run from going on. Pure. @throws FleetError */
export function refusalOf(error: unknown, question: Question): Fact<never> {
  if (isDenied(error) && question.ofAccount !== true) return { denied: question.action };
  throw troubleOf(error, question);
}

function troubleOf(error: unknown, { action, region, ofAccount = false }: Question): FleetError {
  const code = codeOf(error);
  if (isNoCredentials(error)) return new AwsLoginNeeded("none were found", error);
  if (!ofAccount && notLetIn.has(code)) return new RegionNotEnabled(region, code, error);
  const refused = refusedCredentials.get(code);
  if (refused !== undefined) return new AwsLoginNeeded(refused, error);
  if (isThrottle(error)) return new AwsTooBusy(action, region, error);
  const system = systemCodeOf(error);
  if (system === "ENOTFOUND" && !ofAccount) return new NoSuchRegion(region, error);
  if (system !== undefined) return new AwsUnclear(action, region, system, error);
  const [words = ""] = describeError(error).split("\n"); // the SDK adds hints for programmers
  return new AwsUnclear(action, region, `${code}${requestOf(error)}: ${words}`, error);
}

import { readAwsTrouble, requestIn } from "../../../../keystore/aws-trouble.js";
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

/** What is known after a question failed: that it may not be asked, which is for a warning. Everything else keeps a run from going on. Pure. @throws FleetError */
export function refusalOf(error: unknown, question: Question): Fact<never> {
  if (readAwsTrouble(error).kind === "denied" && question.ofAccount !== true) return { denied: question.action };
  throw troubleOf(error, question);
}

function troubleOf(error: unknown, { action, region, ofAccount = false }: Question): FleetError {
  const trouble = readAwsTrouble(error);
  const { kind, code, system, credentials = code } = trouble;
  if (kind === "no credentials") return new AwsLoginNeeded("none were found", error);
  // Whose the credentials are is asked where every account may: elsewhere they are known, and it is the region that is not.
  if (kind === "credentials unknown" && !ofAccount) return new RegionNotEnabled(region, code, error);
  if (kind === "credentials unknown" || kind === "credentials refused") return new AwsLoginNeeded(credentials, error);
  if (kind === "throttled") return new AwsTooBusy(action, region, error);
  if (kind === "no such name" && !ofAccount) return new NoSuchRegion(region, error);
  if (system !== undefined) return new AwsUnclear(action, region, system, error);
  const [words = ""] = describeError(error).split("\n"); // the SDK adds hints for programmers
  return new AwsUnclear(action, region, `${code}${requestIn(trouble)}: ${words}`, error);
}

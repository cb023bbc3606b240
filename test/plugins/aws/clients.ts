import type { Properties } from "../engine/values.js";
import { tellAsRealOne } from "./refusals.js";

/** Each client is made with the first question to its service in a region: all of them together are a hundred megabytes. */
const made = new Map<string, Promise<unknown>>();

function once<T>(key: string, make: () => Promise<T>): Promise<T> {
  const before = made.get(key) as Promise<T> | undefined;
  const one = before ?? make();
  made.set(key, one);
  return one;
}

/** Region of a resource that names none, as the provider was configured. */
let region: string | undefined;

/** Takes the provider's own settings, whose values are JSON. The endpoint, credentials and a region that is not set come from the environment, as for the real one. */
export function configure(settings: Properties): void {
  const given = settings["region"];
  const other = Object.keys(settings).find((name) => !["region", "version"].includes(name));
  if (other !== undefined) throw new Error(`the provider's own setting ${other} is not done by this stand-in`);
  if (typeof given === "string") region = given;
}

/** Where a resource is made that does not say where. */
export function defaultRegion(): string {
  const found = [region, process.env["AWS_REGION"], process.env["AWS_DEFAULT_REGION"]].find(
    (one) => one !== undefined && one !== "",
  );
  if (found === undefined)
    throw new Error("there is no region: set aws:region, AWS_REGION or the resource's own `region`");
  return found;
}

export const ec2In = (place: string) =>
  once(`ec2 ${place}`, async () => {
    const { EC2 } = await import("@aws-sdk/client-ec2");
    return tellAsRealOne("EC2", new EC2({ region: place }));
  });

export const s3In = (place: string) =>
  once(`s3 ${place}`, async () => {
    const { S3 } = await import("@aws-sdk/client-s3");
    // an emulator has no names below its own
    const forcePathStyle = (process.env["AWS_ENDPOINT_URL"] ?? "") !== "";
    return tellAsRealOne("S3", new S3({ region: place, forcePathStyle }));
  });

export const kmsIn = (place: string) =>
  once(`kms ${place}`, async () => {
    const { KMS } = await import("@aws-sdk/client-kms");
    return tellAsRealOne("KMS", new KMS({ region: place }));
  });

export const cloudWatchIn = (place: string) =>
  once(`cloudwatch ${place}`, async () => {
    const { CloudWatch } = await import("@aws-sdk/client-cloudwatch");
    return tellAsRealOne("CloudWatch", new CloudWatch({ region: place }));
  });

export const logsIn = (place: string) =>
  once(`logs ${place}`, async () => {
    const { CloudWatchLogs } = await import("@aws-sdk/client-cloudwatch-logs");
    return tellAsRealOne("CloudWatch Logs", new CloudWatchLogs({ region: place }));
  });

export const snsIn = (place: string) =>
  once(`sns ${place}`, async () => {
    const { SNS } = await import("@aws-sdk/client-sns");
    return tellAsRealOne("SNS", new SNS({ region: place }));
  });

/** Budgets have no regions either. */
export const budgets = () =>
  once("budgets", async () => {
    const { Budgets } = await import("@aws-sdk/client-budgets");
    return tellAsRealOne("Budgets", new Budgets({ region: defaultRegion() }));
  });

/** IAM has no regions; a client needs one all the same. */
export const iam = () =>
  once("iam", async () => {
    const { IAM } = await import("@aws-sdk/client-iam");
    return tellAsRealOne("IAM", new IAM({ region: defaultRegion() }));
  });

/** Who we are, which many ARNs are made of. */
export const account = (): Promise<string> =>
  once("account", async () => {
    const { STS } = await import("@aws-sdk/client-sts");
    const { Account = "" } = await tellAsRealOne("STS", new STS({ region: defaultRegion() })).getCallerIdentity({});
    return Account;
  });

import { FleetError } from "../../../../schema/errors.js";
import { imageParameter, type Architecture, type AwsWorker } from "./facts.js";
import { quotaNames, type QuotaCode } from "./quota.js";

/** LF1820: AWS was asked without credentials, or with such as it does not take any more. */
export class AwsLoginNeeded extends FleetError {
  constructor(what: string, cause?: unknown) {
    super("LF1820", `AWS was not asked with credentials that it takes: ${what}.`, {
      fix: "make `aws sts get-caller-identity` answer in this terminal (aws sso login, aws configure, or AWS_PROFILE), and run the same command again.",
      cause,
    });
  }
}

/** LF1821: the credentials belong to another account than the one that the program names. */
export class WrongAwsAccount extends FleetError {
  constructor(found: string, expected: string) {
    super("LF1821", `The credentials are of the AWS account ${found}, and the program names ${expected}.`, {
      fix: `log in to ${expected} (AWS_PROFILE; aws sts get-caller-identity shows the account), or correct host.aws.account; then run the same command again.`,
    });
  }
}

/** LF1822: credentials that AWS takes elsewhere are not taken in this region: it is not enabled in their account. */
export class RegionNotEnabled extends FleetError {
  constructor(region: string, code: string, cause?: unknown) {
    super("LF1822", `The region ${region} is not enabled in the credentials' account (AWS: ${code}).`, {
      fix: `aws account enable-region --region-name ${region}; once aws account get-region-opt-status --region-name ${region} says ENABLED, log in again and run the same command.`,
      cause,
    });
  }
}

/** LF1823: there is no region of that name. */
export class NoSuchRegion extends FleetError {
  constructor(region: string, cause?: unknown) {
    super("LF1823", `AWS has no region ${region}: there are no servers of that name.`, {
      fix: "aws account list-regions --query 'Regions[].RegionName' shows those that there are; correct host.aws.region.",
      cause,
    });
  }
}

/** What a quota holds, and what is asked of it; vCPUs. */
export interface QuotaShort {
  readonly code: QuotaCode;
  readonly allowed: number;
  /** `null`: not known. */
  readonly inUse: number | null;
  readonly needed: number;
  readonly workers: readonly string[];
}

/** LF1824: the account may not run as many vCPUs of such machines in that region as the program's workers need. A new account often may none. */
export class QuotaTooSmall extends FleetError {
  /** What the quota has to be. */
  readonly desired: number;
  constructor(region: string, { code, allowed, inUse, needed, workers }: QuotaShort) {
    const desired = (inUse ?? 0) + needed;
    super(
      "LF1824",
      `In ${region} this account may run ${allowed} vCPUs (${quotaNames[code]}, ${code}), of which ${inUse ?? "an unknown number"} are in use; ${workers.join(", ")} need${workers.length === 1 ? "s" : ""} ${needed} more.`,
      {
        fix: `aws service-quotas request-service-quota-increase --region ${region} --service-code ec2 --quota-code ${code} --desired-value ${desired} (AWS takes hours or days; aws service-quotas list-requested-service-quota-change-history-by-quota --region ${region} --service-code ec2 --quota-code ${code} shows how far it is), or name another region.`,
      },
    );
    this.desired = desired;
  }
}

/**
 * LF1825: none of the types that would do is offered in a zone that would. Next: name a zone in host.aws.zones that has one; or in host.aws.types a type that the region
 * has (npx fleet fit <models> --region <region>); or another region.
 */
export class NowhereOffered extends FleetError {
  /** @param offered where each type is offered in that region */
  constructor(
    region: string,
    worker: AwsWorker,
    offered: readonly { readonly type: string; readonly zones: readonly string[] }[],
  ) {
    const somewhere = offered.filter(({ zones }) => zones.length > 0);
    const stated = worker.machine.zones?.join(", ");
    const where = offered.map(({ type, zones }) => `${type} in ${zones.length === 0 ? "no zone" : zones.join(", ")}`);
    super(
      "LF1825",
      `${stated === undefined ? `No zone of ${region}` : `In ${region} none of the zones ${stated}`} has a type that worker ${worker.name} could use: AWS offers ${where.join("; ")}.`,
      {
        fix:
          somewhere.length > 0
            ? "name one of those zones in host.aws.zones, or leave it out for all; then run the same command again."
            : `${fitCommand(worker)} --region ${region} shows what is offered there; name such a type in host.aws.types, or another region.`,
      },
    );
  }
}

/**
 * LF1826: no type that was named has the GPU memory for the worker's largest model. Next: name one in host.aws.types that has (npx fleet fit <models> --context <tokens>),
 * or lower host.contextLength.
 */
export class ModelsTooLarge extends FleetError {
  /** @param why of each type */
  constructor(worker: AwsWorker, why: readonly { readonly type: string; readonly why: string }[]) {
    super(
      "LF1826",
      `Worker ${worker.name}: its models fit on none of its types: ${why.map((one) => `${one.type}: ${one.why}`).join("; ")}.`,
      {
        fix: `${fitCommand(worker)} shows types that hold them; name one in host.aws.types, or lower host.contextLength.`,
      },
    );
  }
}

/** LF1827: AWS went on saying that it is asked too often, for as long as we tried. */
export class AwsTooBusy extends FleetError {
  constructor(action: string, region: string, cause?: unknown) {
    super("LF1827", `AWS throttles ${action} in ${region}, and went on doing so.`, {
      fix: "run the same command again in a minute: nothing was changed; if that happens often, something else asks AWS much in this account and region.",
      cause,
    });
  }
}

/** LF1828: AWS names no image with NVIDIA's driver in that region for the architecture of any type that would do. */
export class NoImageThere extends FleetError {
  constructor(region: string, worker: string, architectures: readonly Architecture[]) {
    super(
      "LF1828",
      `In ${region} AWS names no image for worker ${worker}: there is no parameter ${architectures.map(imageParameter).join(", nor ")}.`,
      {
        fix: `aws ec2 describe-images --region ${region} --owners amazon --filters 'Name=name,Values=Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu*' --query 'Images[].[ImageId,Name]' shows what there is; name one in host.aws.ami.`,
      },
    );
  }
}

/** LF1829: AWS did not answer, or not as it should. */
export class AwsUnclear extends FleetError {
  constructor(action: string, region: string, what: string, cause?: unknown) {
    super("LF1829", `${action} in ${region} failed: ${what}.`, {
      fix: "see to this machine's network, then run the same command again: nothing was changed; https://health.aws.amazon.com tells of AWS's own trouble.",
      cause,
    });
  }
}

/** How a person asks which types hold a worker's models. */
export const fitCommand = ({ models, contextTokens, parallel }: AwsWorker): string =>
  `npx fleet fit ${models.map(({ name }) => name).join(" ")} --context ${contextTokens} --parallel ${parallel}`;

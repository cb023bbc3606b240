import { instanceName, type SsmWay } from "./reference.js";
import { HostNotReached } from "../unreached.js";

type Named = Pick<SsmWay, "region" | "instance">;

/** LF1590: an instance does not take commands: it is stopped, still booting, or its agent is off. What runs on it may run still. */
export class InstanceSilent extends HostNotReached {
  constructor(way: Named, why: string, cause?: unknown) {
    super("LF1590", `The instance ${instanceName(way)} takes no command from Systems Manager: ${why}.`, {
      fix: `start it, and its agent (aws ssm describe-instance-information --region ${way.region} shows it Online); then run the same command again.`,
      cause,
    });
  }
}

/** LF1591: AWS refused a request, or could not be asked. Next: what the line says: log in, a permission, another region. */
export class AwsRefused extends HostNotReached {
  constructor(action: string, region: string, why: string, fix: string, cause?: unknown) {
    super("LF1591", `AWS refused ${action} in ${region}: ${why}.`, { fix, cause });
  }
}

/** LF1592: what a command on an instance came to is not known: its answer is none, or it did not come in time. */
export class CommandUnclear extends HostNotReached {
  constructor(way: Named, why: string) {
    super("LF1592", `A command on the instance ${instanceName(way)} came to an end that says nothing: ${why}.`, {
      fix: "run the same command again: it goes on where it stopped.",
    });
  }
}

/** LF1593: an instance is gone for good, by AWS's own word: terminated, with its disks. */
export class InstanceGone extends HostNotReached {
  constructor(way: Named, how: string) {
    super("LF1593", `The instance ${instanceName(way)} is gone: ${how}.`, {
      fix: "pulumi up --refresh makes another one where it was made by this stack; else name another instance, then run the same command again.",
    });
  }
}

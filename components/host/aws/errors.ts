import { FleetError } from "../../../schema/errors.js";
import type { Candidate } from "./candidates.js";

/** LF1800: AWS has none of the wanted machines to give at this moment. */
export class NoCapacity extends FleetError {
  constructor(region: string, tried: readonly Candidate[]) {
    const list = tried.map(({ type, zone }) => `${type} in ${zone}`).join(", ");
    super("LF1800", `AWS has no machine to give in ${region} now: ${list} were asked for.`, {
      fix: "add a type or a zone (fleet fit names types), or wait; then run the same command again. Nothing was made or is billed.",
    });
  }
}

/** LF1801: none of the wanted types is offered in any of the wanted zones. */
export class NotOffered extends FleetError {
  constructor(region: string, types: readonly string[], zones: readonly string[] | null) {
    super(
      "LF1801",
      `${region} offers ${types.join(", ")} in ${zones === null ? "none of its zones" : `none of ${zones.join(", ")}`}.`,
      {
        fix: `choose from: aws ec2 describe-instance-type-offerings --region ${region} --location-type availability-zone --filters Name=instance-type,Values=<type>`,
      },
    );
  }
}

/** LF1802: a machine's disk for the journals could not be made ready on it. What is on it is as it was. */
export class JournalDiskUnready extends FleetError {
  constructor(volume: string, at: string, why: string) {
    super("LF1802", `The journals' disk ${volume} could not be mounted at ${at}: ${why}.`, {
      fix: "look at the machine (aws ssm start-session --target <its id>, then lsblk -f), then run the same command again.",
    });
  }
}

/** LF1803: AWS publishes no image for such machines in a region. */
export class AmiMissing extends FleetError {
  constructor(region: string, parameter: string) {
    super("LF1803", `${region} has no image at ${parameter}.`, {
      fix: "name one with ami: it needs a driver of NVIDIA's, Systems Manager's agent, curl and zstd.",
    });
  }
}

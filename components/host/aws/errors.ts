import { FleetError } from "../../../schema/errors.js";
import type { Place } from "./ec2.js";

/** LF1800: AWS has none of the wanted machines to give at this moment. */
export class NoCapacity extends FleetError {
  constructor(region: string, tried: readonly Place[]) {
    const list = tried.map(({ type, zone }) => `${type} in ${zone}`).join(", ");
    super("LF1800", `AWS has no machine to give in ${region} now: ${list} were asked for.`, {
      fix: "add a type or a zone (fleet fit names types), or wait; then run the same command again. Nothing was made or is billed.",
    });
  }
}

/** LF1801: there is no place to try for a machine: no wanted type is offered in a wanted zone, or AWS does not let us find out where. */
export class NoPlace extends FleetError {
  constructor(region: string, types: readonly string[], zones: readonly string[] | null) {
    const where = zones === null ? "any zone that is known" : zones.join(", ");
    super("LF1801", `In ${region} no place is known for ${types.join(", ")}: none is offered in ${where}.`, {
      fix: `name zones that have it, or allow ec2:DescribeInstanceTypeOfferings: aws ec2 describe-instance-type-offerings --region ${region} --location-type availability-zone --filters Name=instance-type,Values=<type>`,
    });
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

/** LF1803: which image a machine is to boot is not known: AWS names none, or does not let us read which. */
export class ImageUnknown extends FleetError {
  constructor(region: string, architecture: string) {
    super("LF1803", `No image is known for ${architecture} machines in ${region}.`, {
      fix: "allow ssm:GetParameter, or name an image with ami: it needs a driver of NVIDIA's, Systems Manager's agent, curl and zstd.",
    });
  }
}

/** LF1804: the worker bundle is for another kind of machine than every type that was named. Nothing was made. */
export class BundleForOthers extends FleetError {
  constructor(host: string, types: readonly string[], platform: string) {
    super(
      "LF1804",
      `Host ${host}: the worker bundle is for ${platform}, and ${types.join(", ")} are of another kind.`,
      {
        fix: "name a type of that kind, or set bundle to the folder of one for theirs (npm run bundle builds both; unpack dist/bundle-<platform>.tar.gz).",
      },
    );
  }
}

/** LF1805: an argument of a region makes no sense. Nothing was made. */
export class BadRegionArgument extends FleetError {
  constructor(region: string, argument: string, why: string) {
    super("LF1805", `Region ${region}: ${argument} is wrong (${why}).`, {
      fix: `correct "${argument}" and run pulumi up again.`,
    });
  }
}

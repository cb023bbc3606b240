import { createRequire } from "node:module";
import type * as Ec2Module from "@aws-sdk/client-ec2";
import type * as SsmModule from "@aws-sdk/client-ssm";
import { refusalOf } from "../ssm/refusal.js";
import { AmiMissing } from "./errors.js";
import type { GpuInstanceType } from "./instance-types.js";
import type { Candidate } from "./candidates.js";

/*
 * What the providers of a machine in AWS ask and say. The clients are loaded by whoever has such a machine, and by nobody else.
 */

const load = createRequire(__filename);
const settings = (region: string) => ({ region, retryMode: "adaptive", maxAttempts: 6 }) as const;

const ec2 = (): typeof Ec2Module => load("@aws-sdk/client-ec2") as typeof Ec2Module;

async function asking<T>(
  action: string,
  region: string,
  work: (client: Ec2Module.EC2Client) => Promise<T>,
): Promise<T> {
  const client = new (ec2().EC2Client)(settings(region));
  try {
    return await work(client);
  } catch (error) {
    throw refusalOf(error, action, region) ?? error;
  } finally {
    client.destroy();
  }
}

/** Where a region offers which of these types. */
export const offeringsOf = (region: string, types: readonly string[]): Promise<Candidate[]> =>
  asking("ec2:DescribeInstanceTypeOfferings", region, async (client) => {
    const { paginateDescribeInstanceTypeOfferings } = ec2();
    const found: Candidate[] = [];
    const asked = {
      LocationType: "availability-zone" as const,
      Filters: [{ Name: "instance-type", Values: [...types] }],
    };
    for await (const { InstanceTypeOfferings = [] } of paginateDescribeInstanceTypeOfferings({ client }, asked))
      for (const { InstanceType, Location } of InstanceTypeOfferings)
        if (InstanceType !== undefined && Location !== undefined) found.push({ type: InstanceType, zone: Location });
    return found;
  });

/** Marks what was reserved for a host. */
const hostTag = "lightchain:host";

/** A reservation of before that still holds for a host. */
export const reservationOf = (region: string, host: string): Promise<(Candidate & { id: string }) | undefined> =>
  asking("ec2:DescribeCapacityReservations", region, async (client) => {
    const { CapacityReservations = [] } = await client.send(
      new (ec2().DescribeCapacityReservationsCommand)({
        Filters: [
          { Name: `tag:${hostTag}`, Values: [host] },
          { Name: "state", Values: ["active"] },
        ],
      }),
    );
    const { CapacityReservationId: id, InstanceType: type, AvailabilityZone: zone } = CapacityReservations[0] ?? {};
    return id === undefined || type === undefined || zone === undefined ? undefined : { id, type, zone };
  });

/** How long a reservation is kept for the machine to come (ms). AWS bills it as the machine until then, and not beside it. */
const reservedMs = 2 * 3_600_000;

/** Why a zone gave no machine: AWS has none to give there, or this type cannot be reserved at all. */
export type NotReserved = "no capacity" | "not reservable";

/** Reserves one machine for the next two hours. @returns its id, or why there is none */
export const reserve = (
  region: string,
  { type, zone }: Candidate,
  host: string,
  nowMs: number,
): Promise<{ id: string } | NotReserved> =>
  asking("ec2:CreateCapacityReservation", region, async (client) => {
    try {
      const { CapacityReservation } = await client.send(
        new (ec2().CreateCapacityReservationCommand)({
          InstanceType: type,
          InstancePlatform: "Linux/UNIX",
          AvailabilityZone: zone,
          InstanceCount: 1,
          InstanceMatchCriteria: "open",
          EndDateType: "limited",
          EndDate: new Date(nowMs + reservedMs),
          TagSpecifications: [{ ResourceType: "capacity-reservation", Tags: [{ Key: hostTag, Value: host }] }],
        }),
      );
      const id = CapacityReservation?.CapacityReservationId;
      return id === undefined ? "no capacity" : { id };
    } catch (error) {
      const name = error instanceof Error ? error.name : "";
      if (/InsufficientInstanceCapacity|InsufficientCapacity/.test(name)) return "no capacity";
      if (/Unsupported/.test(name)) return "not reservable";
      throw error;
    }
  });

/** Lets go of a reservation, if it still is one. */
export const cancelReservation = (region: string, id: string): Promise<void> =>
  asking("ec2:CancelCapacityReservation", region, async (client) => {
    try {
      await client.send(new (ec2().CancelCapacityReservationCommand)({ CapacityReservationId: id }));
    } catch (error) {
      if (!(error instanceof Error) || !/NotFound|InvalidState/.test(error.name)) throw error;
    }
  });

/** Where AWS publishes the image of today: driver, Docker and Systems Manager's agent are in it. Pure. */
export const amiParameter = (architecture: GpuInstanceType["architecture"]): string =>
  `/aws/service/deeplearning/ami/${architecture === "arm64" ? "arm64" : "x86_64"}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id`;

/** @throws AmiMissing LF1803 */
export async function latestAmi(region: string, architecture: GpuInstanceType["architecture"]): Promise<string> {
  const { SSMClient, GetParameterCommand } = load("@aws-sdk/client-ssm") as typeof SsmModule;
  const client = new SSMClient(settings(region));
  const name = amiParameter(architecture);
  try {
    const ami = (await client.send(new GetParameterCommand({ Name: name }))).Parameter?.Value;
    if (ami === undefined) throw new AmiMissing(region, name);
    return ami;
  } catch (error) {
    if (error instanceof Error && error.name === "ParameterNotFound") throw new AmiMissing(region, name);
    throw refusalOf(error, "ssm:GetParameter", region) ?? error;
  } finally {
    client.destroy();
  }
}

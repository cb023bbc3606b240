import { inEc2 } from "../ssm/ec2.js";

/*
 * What the providers of a machine in AWS ask and say.
 */

/** A machine of some type somewhere. */
export interface Place {
  readonly type: string;
  readonly zone: string;
}

/** The tag of everything that is made for one placement; its value is the placement's token. */
export const placementTag = "lightchain:placement";

/** Tags of a host's own, by which what was reserved for it is found again. */
type Tags = Readonly<Record<string, string>>;

/** A reservation of before that still holds for a host. */
export const reservationOf = (region: string, tags: Tags): Promise<(Place & { id: string }) | undefined> =>
  inEc2(region, "ec2:DescribeCapacityReservations", async (client, ec2) => {
    const { CapacityReservations = [] } = await client.send(
      new ec2.DescribeCapacityReservationsCommand({
        Filters: [...filtersOf(tags), { Name: "state", Values: ["active"] }],
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
  { type, zone }: Place,
  tags: Tags,
  nowMs: number,
): Promise<{ id: string } | NotReserved> =>
  inEc2(region, "ec2:CreateCapacityReservation", async (client, ec2) => {
    const tagList = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      const { CapacityReservation } = await client.send(
        new ec2.CreateCapacityReservationCommand({
          InstanceType: type,
          InstancePlatform: "Linux/UNIX",
          AvailabilityZone: zone,
          InstanceCount: 1,
          InstanceMatchCriteria: "open",
          EndDateType: "limited",
          EndDate: new Date(nowMs + reservedMs),
          TagSpecifications: [{ ResourceType: "capacity-reservation", Tags: tagList }],
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
  inEc2(region, "ec2:CancelCapacityReservation", async (client, ec2) => {
    try {
      await client.send(new ec2.CancelCapacityReservationCommand({ CapacityReservationId: id }));
    } catch (error) {
      if (!(error instanceof Error) || !/NotFound|InvalidState/.test(error.name)) throw error;
    }
  });

/** States of an instance that is still there. */
const there = ["pending", "running", "stopping", "stopped"];
const filtersOf = (tags: Tags): { Name: string; Values: string[] }[] =>
  Object.entries(tags).map(([name, value]) => ({ Name: `tag:${name}`, Values: [value] }));

/**
 * Takes away what an engine that was killed in the middle made for a host and never wrote down: machines with its tags, and disks with them that are attached to nothing.
 * @param kept what the stack does know of
 * @returns what was taken away, for a person
 */
export async function sweep(region: string, tags: Tags, kept: readonly string[]): Promise<string[]> {
  if (Object.keys(tags).length === 0) return []; // everything has no tags in common
  const instances = await inEc2(region, "ec2:DescribeInstances", async (client, ec2) => {
    const states = { Name: "instance-state-name", Values: there };
    const asked = new ec2.DescribeInstancesCommand({ Filters: [...filtersOf(tags), states] });
    const { Reservations = [] } = await client.send(asked);
    const found = Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId = "" }) => InstanceId));
    return found.filter((id) => !kept.includes(id));
  });
  if (instances.length > 0)
    await inEc2(region, "ec2:TerminateInstances", async (client, ec2) => {
      const [{ TerminateInstancesCommand, waitUntilInstanceTerminated }, of] = [ec2, { InstanceIds: instances }];
      await client.send(new TerminateInstancesCommand(of));
      await waitUntilInstanceTerminated({ client, maxWaitTime: endsWithinSeconds }, of);
    });
  const volumes = await inEc2(region, "ec2:DescribeVolumes", async (client, ec2) => {
    const free = { Name: "status", Values: ["available"] };
    const { Volumes = [] } = await client.send(new ec2.DescribeVolumesCommand({ Filters: [...filtersOf(tags), free] }));
    return Volumes.flatMap(({ VolumeId = "" }) => (kept.includes(VolumeId) ? [] : [VolumeId]));
  });
  for (const VolumeId of volumes)
    await inEc2(region, "ec2:DeleteVolume", async (client, ec2) => {
      await client.send(new ec2.DeleteVolumeCommand({ VolumeId }));
    });
  return [...instances, ...volumes];
}
const endsWithinSeconds = 600;

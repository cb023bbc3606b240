import type { EC2, ModifyInstanceAttributeCommandInput } from "@aws-sdk/client-ec2";
import { same } from "../engine/values.js";
import { encodedOnce, metadataAsked, reservationAsked, type Given } from "./instance-asked.js";
import { findInstance, rootVolume, stateOf, volumesOf } from "./instance-found.js";
import { doing, isRefusal, whilePassing } from "./refusals.js";
import { retag } from "./tags.js";
import { minutes, settled } from "./waiting.js";
import { volumeChanged } from "./volume-changed.js";

/** An instance that is changed. */
export interface Changing {
  readonly ec2: EC2;
  readonly id: string;
  readonly signal: AbortSignal;
}

/** Changes in place what may be, in the order of the real one (`resourceInstanceUpdate`). */
export async function changeInstance(on: Changing, before: Given, after: Given): Promise<void> {
  const differs = (name: keyof Given): boolean => !same(before[name], after[name]);
  const { ec2, id } = on;
  await retag(ec2, id, before.tags ?? {}, after.tags ?? {});
  if (differs("volumeTags"))
    for (const volume of await itsVolumes(on))
      await retag(ec2, volume, before.volumeTags ?? {}, after.volumeTags ?? {});
  if (after.iamInstanceProfile !== undefined && differs("iamInstanceProfile")) await changeProfile(on, after);
  if (after.vpcSecurityGroupIds !== undefined && differs("vpcSecurityGroupIds"))
    await modify(on, "security groups", { Groups: after.vpcSecurityGroupIds });
  if (after.instanceType !== undefined && differs("instanceType"))
    await whileStopped(on, "type", { InstanceType: { Value: after.instanceType } });
  if (after.userData !== undefined && differs("userData")) {
    const Value = Buffer.from(encodedOnce(after.userData), "base64");
    await whileStopped(on, "user data", { UserData: { Value } });
  }
  if (after.disableApiTermination !== undefined && differs("disableApiTermination"))
    await protect(on, after.disableApiTermination);
  const { instanceInitiatedShutdownBehavior: behavior } = after;
  if (behavior !== undefined && differs("instanceInitiatedShutdownBehavior"))
    await modify(on, "shutdown behavior", { InstanceInitiatedShutdownBehavior: { Value: behavior } });
  if (after.maintenanceOptions !== undefined && differs("maintenanceOptions")) {
    const AutoRecovery = after.maintenanceOptions.autoRecovery as "default" | undefined;
    await updating(on, "maintenance options", ec2.modifyInstanceMaintenanceOptions({ InstanceId: id, AutoRecovery }));
  }
  if (differs("monitoring") && after.monitoring !== undefined) {
    const which = { InstanceIds: [id] };
    await updating(on, "monitoring", after.monitoring ? ec2.monitorInstances(which) : ec2.unmonitorInstances(which));
  }
  if (after.metadataOptions !== undefined && differs("metadataOptions")) {
    const asked = { InstanceId: id, ...metadataAsked(after.metadataOptions) };
    await updating(on, "metadata options", ec2.modifyInstanceMetadataOptions(asked));
  }
  if (after.rootBlockDevice !== undefined && differs("rootBlockDevice")) await changeRoot(on, before, after);
  if (after.capacityReservationSpecification !== undefined && differs("capacityReservationSpecification")) {
    const CapacityReservationSpecification = reservationAsked(after.capacityReservationSpecification);
    const ask = () =>
      ec2.modifyInstanceCapacityReservationAttributes({ InstanceId: id, CapacityReservationSpecification });
    await stopped(on, () => updating(on, "capacity reservation", ask()));
  }
}

const updating = <T>({ id }: Changing, what: string, asked: Promise<T>): Promise<T> =>
  doing(`updating EC2 Instance (${id}) ${what}`, asked);

const itsVolumes = async ({ ec2, id }: Changing): Promise<string[]> => {
  const found = await findInstance(ec2, id);
  return found === undefined ? [] : volumesOf(found.it);
};

/** AWS takes one attribute at a time. */
const modify = (on: Changing, what: string, attribute: Omit<ModifyInstanceAttributeCommandInput, "InstanceId">) =>
  updating(on, what, on.ec2.modifyInstanceAttribute({ InstanceId: on.id, ...attribute }));

const whileStopped = (on: Changing, what: string, attribute: Omit<ModifyInstanceAttributeCommandInput, "InstanceId">) =>
  stopped(on, () => modify(on, what, attribute));

/** Whether AWS refuses to terminate it. */
export const protect = (on: Changing, isProtected: boolean): Promise<unknown> =>
  modify(on, "API termination", { DisableApiTermination: { Value: isProtected } });

/** Stops it for a change and starts it again. */
async function stopped(on: Changing, change: () => Promise<unknown>): Promise<void> {
  const { ec2, id, signal } = on;
  await stopInstance(on);
  await change();
  const passes = (error: Error): boolean =>
    isRefusal(error, ["InvalidParameterValue"]) && error.message.includes("LaunchPlan instance type");
  const start = () => ec2.startInstances({ InstanceIds: [id] });
  await doing(`starting EC2 Instance (${id})`, whilePassing(start, passes, { signal, forMs: 2 * minutes }));
  await settled({
    ...{ what: `EC2 Instance (${id}) start`, wanted: ["running"], passing: ["pending", "stopped"] },
    ...{ forMs: 10 * minutes, signal, look: () => stateOf(ec2, id) },
  });
}

/** Stops it and waits until it is. */
export async function stopInstance({ ec2, id, signal }: Changing): Promise<void> {
  await doing(`stopping EC2 Instance (${id})`, ec2.stopInstances({ InstanceIds: [id] }));
  await settled({
    ...{ what: `EC2 Instance (${id}) stop`, wanted: ["stopped"] },
    passing: ["pending", "running", "shutting-down", "stopping"],
    ...{ forMs: 10 * minutes, signal, look: () => stateOf(ec2, id) },
  });
}

async function changeProfile(on: Changing, { iamInstanceProfile: Name }: Given): Promise<void> {
  const { ec2, id } = on;
  const { IamInstanceProfileAssociations: all = [] } = await ec2.describeIamInstanceProfileAssociations({
    Filters: [{ Name: "instance-id", Values: [id] }],
  });
  const former = all.find(({ State }) => State === "associated" || State === "associating")?.AssociationId;
  const IamInstanceProfile = { Name };
  await updating(
    on,
    "instance profile",
    former === undefined
      ? ec2.associateIamInstanceProfile({ InstanceId: id, IamInstanceProfile })
      : ec2.replaceIamInstanceProfileAssociation({ AssociationId: former, IamInstanceProfile }),
  );
}

/** Of the root device its size, kind, speed, tags and end can change in place; the rest makes another instance. */
async function changeRoot(on: Changing, before: Given, after: Given): Promise<void> {
  const { ec2, id, signal } = on;
  const it = (await findInstance(ec2, id))?.it;
  const VolumeId = it === undefined ? undefined : rootVolume(it);
  if (it === undefined || VolumeId === undefined) throw new Error(`EC2 Instance (${id}) has no root volume`);
  const [had, has] = [before.rootBlockDevice ?? {}, after.rootBlockDevice ?? {}];
  const changed = <T>(one: T, other: T): T | undefined => (one === other ? undefined : other);
  const asked = {
    Size: changed(had.volumeSize, has.volumeSize),
    VolumeType: changed(had.volumeType, has.volumeType) as "gp3" | undefined,
    Iops: changed(had.iops, has.iops),
    Throughput: changed(had.throughput, has.throughput),
  };
  if (Object.values(asked).some((value) => value !== undefined)) {
    await updating(on, `volume (${VolumeId})`, ec2.modifyVolume({ VolumeId, ...asked }));
    await volumeChanged(ec2, VolumeId, signal);
  }
  const ends = has.deleteOnTermination ?? true;
  if ((had.deleteOnTermination ?? true) !== ends)
    await modify(on, "root block device", {
      BlockDeviceMappings: [{ DeviceName: it.RootDeviceName, Ebs: { DeleteOnTermination: ends } }],
    });
  await retag(ec2, VolumeId, had.tags ?? {}, has.tags ?? {});
}

import type { EC2, Instance } from "@aws-sdk/client-ec2";
import type { Properties } from "../engine/values.js";
import { doing, ifThere } from "./refusals.js";
import { tagsIn, unlisted } from "./tags.js";

const none = "InvalidInstanceID.NotFound";

/** An instance in whatever state, with whose it is; `undefined`: AWS knows of none. */
export async function findInstance(ec2: EC2, id: string): Promise<{ it: Instance; owner: string } | undefined> {
  const asked = ec2.describeInstances({ InstanceIds: [id] });
  const [reservation] = (await doing(`reading EC2 Instance (${id})`, ifThere(asked, none)))?.Reservations ?? [];
  const it = reservation?.Instances?.[0];
  return it === undefined ? undefined : { it, owner: reservation?.OwnerId ?? "" };
}

/** Its state, and why it is in it, for {@link settled}. */
export async function stateOf(ec2: EC2, id: string) {
  const it = (await findInstance(ec2, id))?.it;
  return { state: it?.State?.Name, reason: it?.StateReason?.Message };
}

/** The volume that it boots from. */
export const rootVolume = ({ BlockDeviceMappings = [], RootDeviceName }: Instance): string | undefined =>
  BlockDeviceMappings.find(({ DeviceName }) => DeviceName === RootDeviceName)?.Ebs?.VolumeId;

/** Every volume that it has. */
export const volumesOf = ({ BlockDeviceMappings = [] }: Instance): string[] =>
  BlockDeviceMappings.flatMap(({ Ebs }) => (Ebs?.VolumeId === undefined ? [] : [Ebs.VolumeId]));

/** Outputs of {@link instanceOutputs}. */
export const instanceComputed = [
  ...["arn", "availabilityZone", "iamInstanceProfile", "instanceLifecycle", "instanceState", "instanceType"],
  ...["primaryNetworkInterfaceId", "privateDns", "privateIp", "publicDns", "publicIp", "rootBlockDevice"],
  ...["spotInstanceRequestId", "subnetId", "vpcSecurityGroupIds"],
];

/** What is said of an instance (`resourceInstanceRead`). One that is terminated is gone. */
export async function instanceOutputs(ec2: EC2, id: string, given: Properties): Promise<Properties | undefined> {
  const found = await findInstance(ec2, id);
  if (found === undefined || found.it.State?.Name === "terminated") return undefined;
  const { it, owner } = found;
  const interfaces = it.NetworkInterfaces ?? [];
  const primary = interfaces.find(({ Attachment }) => Attachment?.DeviceIndex === 0) ?? interfaces[0];
  return {
    arn: `arn:aws:ec2:${String(given["region"])}:${owner}:instance/${id}`,
    availabilityZone: it.Placement?.AvailabilityZone,
    iamInstanceProfile: it.IamInstanceProfile?.Arn?.split("/").at(-1) ?? "",
    ...{ instanceLifecycle: it.InstanceLifecycle ?? "", instanceState: it.State?.Name, instanceType: it.InstanceType },
    primaryNetworkInterfaceId: primary?.NetworkInterfaceId,
    ...{ privateDns: it.PrivateDnsName ?? "", privateIp: it.PrivateIpAddress ?? "" },
    ...{ publicDns: it.PublicDnsName ?? "", publicIp: it.PublicIpAddress ?? "" },
    rootBlockDevice: await rootDevice(ec2, it, given),
    spotInstanceRequestId: it.SpotInstanceRequestId ?? "",
    subnetId: it.SubnetId ?? primary?.SubnetId,
    tags: unlisted(it.Tags),
    vpcSecurityGroupIds: sameGroups(given["vpcSecurityGroupIds"], it),
  };
}

async function rootDevice(ec2: EC2, it: Instance, given: Properties): Promise<unknown> {
  const wanted = (given["rootBlockDevice"] ?? {}) as Properties;
  const volumeId = rootVolume(it);
  if (volumeId === undefined) return given["rootBlockDevice"];
  const [volume] = (await ec2.describeVolumes({ VolumeIds: [volumeId] })).Volumes ?? [];
  return {
    ...{ volumeSize: volume?.Size, volumeType: volume?.VolumeType, encrypted: volume?.Encrypted },
    ...wanted,
    ...{ deviceName: it.RootDeviceName, volumeId, tagsAll: tagsIn(wanted) },
  };
}

/** A set: in the program's order as long as it is the same. */
function sameGroups(given: unknown, { SecurityGroups = [] }: Instance): unknown {
  const there = SecurityGroups.flatMap(({ GroupId }) => (GroupId === undefined ? [] : [GroupId]));
  const isSame = Array.isArray(given) && [...(given as string[])].sort().join() === [...there].sort().join();
  return isSame ? given : there;
}

import { crc32 } from "node:zlib";
import type { EC2, VolumeType } from "@aws-sdk/client-ec2";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType } from "./aws-type.js";
import { account } from "./clients.js";
import { stopInstance } from "./instance-change.js";
import { stateOf } from "./instance-found.js";
import { doing, ifThere, isRefusal, whilePassing } from "./refusals.js";
import { retag, taggedAs, tagsIn, unlisted } from "./tags.js";
import { volumeChanged } from "./volume-changed.js";
import { ec2Of } from "./vpc.js";
import { minutes, settled } from "./waiting.js";

const none = "InvalidVolume.NotFound";

/** `aws:ebs/volume:Volume` (`ec2/ebs_volume.go`). */
export const volume = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["availabilityZone", "encrypted", "finalSnapshot", "iops", "kmsKeyId", "size", "tags", "throughput", "type"],
    computed: ["arn", "createTime", "encrypted", "iops", "kmsKeyId", "size", "throughput", "type"],
    replaces: ["availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "outpostArn", "snapshotId"],
    keptWhenLeftOut: ["encrypted", "iops", "kmsKeyId", "size", "throughput", "type"],
    seen: ["size", "type"],
    make: async (given) => {
      const made = await doing(
        "creating EBS Volume",
        (await ec2Of(given)).createVolume({
          AvailabilityZone: String(given["availabilityZone"]),
          Encrypted: given["encrypted"] as boolean | undefined,
          Iops: given["iops"] as number | undefined,
          KmsKeyId: given["kmsKeyId"] as string | undefined,
          Size: given["size"] as number | undefined,
          Throughput: given["throughput"] as number | undefined,
          VolumeType: given["type"] as VolumeType | undefined,
          ...taggedAs("volume", tagsIn(given)),
        }),
      );
      return made.VolumeId ?? "";
    },
    finish: async (id, given, { signal }) => {
      const ec2 = await ec2Of(given);
      await settled({
        ...{ what: `EBS Volume (${id}) create`, wanted: ["available"], passing: ["creating", "gone"] },
        ...{ forMs: 5 * minutes, signal, look: async () => ({ state: (await volumeNamed(ec2, id))?.State }) },
      });
    },
    look: async (id, given) => {
      const found = await volumeNamed(await ec2Of(given), id);
      if (found === undefined || found.State === "deleting" || found.State === "deleted") return undefined;
      return {
        arn: `arn:aws:ec2:${String(given["region"])}:${await account()}:volume/${id}`,
        ...{ createTime: found.CreateTime?.toISOString(), encrypted: found.Encrypted, iops: found.Iops },
        ...{ kmsKeyId: found.KmsKeyId ?? given["kmsKeyId"] ?? "", size: found.Size, throughput: found.Throughput },
        ...{ type: found.VolumeType, tags: unlisted(found.Tags) },
      };
    },
    change: async (id, given, before, { signal }) => {
      const ec2 = await ec2Of(given);
      const changed = (name: string): unknown => (given[name] === before[name] ? undefined : given[name]);
      const asked = {
        ...{ Size: changed("size") as number | undefined, VolumeType: changed("type") as VolumeType | undefined },
        ...{ Iops: changed("iops") as number | undefined, Throughput: changed("throughput") as number | undefined },
      };
      if (Object.values(asked).some((value) => value !== undefined)) {
        await doing(`modifying EBS Volume (${id})`, ec2.modifyVolume({ VolumeId: id, ...asked }));
        await volumeChanged(ec2, id, signal);
      }
      await retag(ec2, id, tagsIn(before), tagsIn(given));
    },
    remove: async (id, state, { signal }) => {
      const ec2 = await ec2Of(state);
      if ((await volumeNamed(ec2, id)) === undefined) return;
      if (state["finalSnapshot"] === true) await keep(ec2, id, state, signal);
      const inUse = (error: Error): boolean => isRefusal(error, ["VolumeInUse"]);
      const ask = () => ec2.deleteVolume({ VolumeId: id });
      const within = { signal, forMs: 10 * minutes };
      await doing(`deleting EBS Volume (${id})`, ifThere(whilePassing(ask, inUse, within), none));
      await settled({
        ...{ what: `EBS Volume (${id}) delete`, wanted: ["deleted", "gone"], forMs: 10 * minutes, signal },
        look: async () => ({ state: (await volumeNamed(ec2, id))?.State }),
      });
    },
  });

const volumeNamed = async (ec2: EC2, id: string) =>
  (await doing(`reading EBS Volume (${id})`, ifThere(ec2.describeVolumes({ VolumeIds: [id] }), none)))?.Volumes?.[0];

/** A snapshot that outlives it. */
async function keep(ec2: EC2, VolumeId: string, state: Properties, signal: AbortSignal): Promise<void> {
  const asked = ec2.createSnapshot({ VolumeId, ...taggedAs("snapshot", tagsIn(state)) });
  const { SnapshotId = "" } = await doing(`creating EBS Snapshot (${VolumeId})`, asked);
  await settled({
    ...{ what: `EBS Snapshot (${SnapshotId}) create`, wanted: ["completed"], passing: ["pending", "gone"] },
    ...{ forMs: 10 * minutes, signal },
    look: async () => {
      const answer = await ifThere(ec2.describeSnapshots({ SnapshotIds: [SnapshotId] }), "InvalidSnapshot.NotFound");
      return { state: answer?.Snapshots?.[0]?.State };
    },
  });
}

/** `aws:ec2/volumeAttachment:VolumeAttachment` (`ec2/ebs_volume_attachment.go`). */
export const volumeAttachment = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["deviceName", "forceDetach", "instanceId", "skipDestroy", "stopInstanceBeforeDetaching", "volumeId"],
    computed: [],
    replaces: ["deviceName", "instanceId", "volumeId"],
    make: async (given, { signal }) => {
      const { VolumeId, InstanceId, Device } = placeOf(given);
      const ec2 = await ec2Of(given);
      const what = `EBS Volume (${VolumeId})`;
      if ((await attachmentState(ec2, given)) === undefined) {
        await settled({
          ...{ what: `EC2 Instance (${InstanceId}) to be ready`, wanted: ["running", "stopped"] },
          ...{ passing: ["pending", "stopping"], forMs: 10 * minutes, signal },
          look: () => stateOf(ec2, InstanceId),
        });
        const asked = ec2.attachVolume({ VolumeId, InstanceId, Device });
        await doing(`attaching ${what} to EC2 Instance (${InstanceId})`, asked);
      }
      await settled({
        ...{ what: `${what} Attachment (${InstanceId}) create`, wanted: ["attached"], passing: ["attaching", "gone"] },
        ...{ forMs: 5 * minutes, signal, look: async () => ({ state: await attachmentState(ec2, given) }) },
      });
      return `vai-${crc32(`${Device}-${InstanceId}-${VolumeId}-`)}`;
    },
    look: async (_, given) => ((await attachmentState(await ec2Of(given), given)) === undefined ? undefined : {}),
    remove: async (_, state, { signal }) => {
      if (state["skipDestroy"] === true) return;
      const ec2 = await ec2Of(state);
      if ((await attachmentState(ec2, state)) === undefined) return;
      const { VolumeId, InstanceId, Device } = placeOf(state);
      const what = `EBS Volume (${VolumeId}) Attachment (${InstanceId})`;
      if (state["stopInstanceBeforeDetaching"] === true)
        await doing(`deleting ${what}`, stopInstance({ ec2, id: InstanceId, signal }));
      const asked = ec2.detachVolume({ VolumeId, InstanceId, Device, Force: state["forceDetach"] === true });
      await doing(`deleting ${what}`, ifThere(asked, "InvalidAttachment.NotFound", none));
      await settled({
        ...{ what: `${what} delete`, wanted: ["gone"], passing: ["detaching", "busy"], forMs: 5 * minutes, signal },
        look: async () => ({ state: await attachmentState(ec2, state) }),
      });
    },
  });

const placeOf = ({ volumeId, instanceId, deviceName }: Properties) => ({
  ...{ VolumeId: String(volumeId), InstanceId: String(instanceId), Device: String(deviceName) },
});

/** How it stands with a volume on this instance at this place; `undefined`: it is not there. */
async function attachmentState(ec2: EC2, properties: Properties): Promise<string | undefined> {
  const { VolumeId, InstanceId, Device } = placeOf(properties);
  const found = await volumeNamed(ec2, VolumeId);
  if (found === undefined || found.State === "available") return undefined;
  const ours = found.Attachments?.find((one) => one.InstanceId === InstanceId && one.Device === Device);
  return ours?.State === "detached" ? undefined : ours?.State;
}

import { DescribeVolumesCommand } from "@aws-sdk/client-ec2";
import type { Disks } from "./block-device.js";
import { ec2Refusal, type Answer, type Call, type Handler, type Onward } from "./call.js";
import type { Clients } from "./clients.js";
import type { Instances } from "./instances.js";

/*
 * EC2's calls about volumes, as far as machines see them. An instance's first volume is its machine's own disk: it needs nothing.
 * Source: EC2 API, "Error codes"; "Detach an Amazon EBS volume from an instance".
 */

/** @param aws the emulated AWS itself */
export function answerVolumes(instances: Instances, disks: Disks, aws: Clients): Handler {
  async function attach({ form, region }: Call, onward: Onward): Promise<Answer> {
    const [volume, id] = [form.get("VolumeId") ?? "", form.get("InstanceId") ?? ""];
    const instance = instances.get(id);
    const described = new DescribeVolumesCommand({ VolumeIds: [volume] });
    const found = await aws
      .ec2(region)
      .send(described)
      .catch(() => undefined);
    const { Size = 0, AvailabilityZone, Attachments = [] } = found?.Volumes?.[0] ?? {};
    if (instance === undefined || found === undefined) return onward(); // it says what is not there
    if (Attachments.length > 0) return ec2Refusal("VolumeInUse", `${volume} is already attached to an instance`);
    if (instance.state !== "running" && instance.state !== "stopped")
      return ec2Refusal("IncorrectState", `Instance '${id}' is not 'running'.`);
    if (AvailabilityZone !== instance.wanted.zone)
      return ec2Refusal(
        "InvalidVolume.ZoneMismatch",
        `The volume '${volume}' is not in the same availability zone as instance '${id}'`,
      );
    const answer = await onward();
    if (answer.status === 200) await (await instance.computer).plugIn(volume, await disks.deviceOf(volume, Size));
    return answer;
  }

  /** Where AWS would wait for a volume to be let go, it is said here that it is held: nobody has to find out by waiting. */
  async function detach({ form, region }: Call, onward: Onward): Promise<Answer> {
    const volume = form.get("VolumeId") ?? "";
    const described = new DescribeVolumesCommand({ VolumeIds: [volume] });
    const found = await aws
      .ec2(region)
      .send(described)
      .catch(() => undefined);
    const { InstanceId, Device } = found?.Volumes?.[0]?.Attachments?.[0] ?? {};
    if (found === undefined) return onward(); // it says that there is none
    if (InstanceId === undefined || Device === undefined)
      return ec2Refusal("IncorrectState", `Volume '${volume}' is in the 'available' state.`);
    const instance = instances.get(InstanceId);
    const how = form.get("Force") === "true" ? "by force" : "whole";
    if (instance !== undefined && !(await (await instance.computer).pullOut(volume, how)))
      return ec2Refusal("IncorrectState", `${volume} is busy: it is mounted on ${instance.id}`);
    return onward(new URLSearchParams([...form, ...Object.entries({ InstanceId, Device })])); // it must be told where from
  }

  return async (call, onward) => {
    if (call.service !== "ec2") return undefined;
    if (call.action === "AttachVolume") return attach(call, onward);
    if (call.action === "DetachVolume") return detach(call, onward);
    if (call.action !== "DeleteVolume") return undefined;
    const answer = await onward();
    if (answer.status === 200) await disks.remove(call.form.get("VolumeId") ?? "");
    return answer;
  };
}

import { randomUUID } from "node:crypto";
import type { EC2 } from "@aws-sdk/client-ec2";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType } from "./aws-type.js";
import { given as done, instanceAsked, type Given } from "./instance-asked.js";
import { changeInstance, protect } from "./instance-change.js";
import { findInstance, instanceComputed, instanceOutputs, rootVolume, stateOf } from "./instance-found.js";
import { doing, ifThere, isRefusal, whilePassing } from "./refusals.js";
import { retag } from "./tags.js";
import { ec2Of } from "./vpc.js";
import { minutes, settled } from "./waiting.js";

/** `aws:ec2/instance:Instance` (`ec2/ec2_instance.go`): there when it runs, gone when it is terminated. */
export const instance = (inputs: ObjectShape) =>
  awsType(inputs, {
    done,
    computed: instanceComputed,
    replaces: [
      ...["ami", "associatePublicIpAddress", "availabilityZone", "ebsOptimized", "instanceMarketOptions", "subnetId"],
      ...["rootBlockDevice.encrypted", "rootBlockDevice.kmsKeyId"],
    ],
    keptWhenLeftOut: [
      ...["associatePublicIpAddress", "availabilityZone", "capacityReservationSpecification", "ebsOptimized"],
      ...["disableApiTermination", "iamInstanceProfile", "instanceInitiatedShutdownBehavior", "instanceMarketOptions"],
      ...["maintenanceOptions", "metadataOptions", "monitoring", "rootBlockDevice", "subnetId", "userData"],
      "vpcSecurityGroupIds",
    ],
    seen: ["iamInstanceProfile", "instanceType", "vpcSecurityGroupIds"],
    sets: ["vpcSecurityGroupIds"],
    replacesToo: async (changed, before, after) => [
      ...(changed.includes("userData") && after["userDataReplaceOnChange"] === true ? ["userData"] : []),
      ...(changed.includes("instanceType") && !(await fit(before, after)) ? ["instanceType"] : []),
    ],
    make: async (properties, { signal }) => {
      const want = properties as unknown as Given;
      const ec2 = await ec2Of(properties);
      const rootName = want.rootBlockDevice === undefined ? "" : await rootDeviceOf(ec2, want.ami);
      const asked = instanceAsked(want, rootName, randomUUID());
      // IAM may take some seconds until EC2 knows a profile and its role
      const passes = ({ name, message }: Error): boolean =>
        name === "InvalidParameterValue" && /Invalid IAM Instance Profile| has no associated IAM Roles/.test(message);
      const ask = () => ec2.runInstances(asked);
      const made = await doing("creating EC2 Instance", whilePassing(ask, passes, { signal, forMs: 2 * minutes }));
      return made.Instances?.[0]?.InstanceId ?? "";
    },
    finish: async (id, properties, { signal }) => {
      const ec2 = await ec2Of(properties);
      await settled({
        ...{ what: `EC2 Instance (${id}) create`, wanted: ["running"], passing: ["pending", "gone"] },
        ...{ forMs: 10 * minutes, signal, look: () => stateOf(ec2, id) },
      });
      const { rootBlockDevice } = properties as unknown as Given;
      const found = await findInstance(ec2, id);
      const volume = found === undefined ? undefined : rootVolume(found.it);
      if (volume !== undefined) await retag(ec2, volume, {}, rootBlockDevice?.tags ?? {});
    },
    look: async (id, properties) => instanceOutputs(await ec2Of(properties), id, properties),
    change: async (id, after, before, { signal }) => {
      const on = { ec2: await ec2Of(after), id, signal };
      await changeInstance(on, before as unknown as Given, after as unknown as Given);
    },
    remove: async (id, state, { signal }) => {
      const on = { ec2: await ec2Of(state), id, signal };
      const found = await findInstance(on.ec2, id);
      if (found === undefined) return;
      const isProtected = state["disableApiTermination"] === true;
      if (isProtected && state["forceDestroy"] === true) await protect(on, false);
      const asked = on.ec2.terminateInstances({ InstanceIds: [id] });
      await doing(`terminating EC2 Instance (${id})`, ifThere(asked, "InvalidInstanceID.NotFound"));
      await settled({
        ...{ what: `EC2 Instance (${id}) delete`, wanted: ["terminated", "gone"] },
        passing: ["pending", "running", "shutting-down", "stopped", "stopping"],
        ...{ forMs: 20 * minutes, signal, look: () => stateOf(on.ec2, id) },
      });
    },
  });

async function rootDeviceOf(ec2: EC2, ami: string): Promise<string> {
  const answer = await doing("collecting instance settings", ec2.describeImages({ ImageIds: [ami] }));
  const name = answer.Images?.[0]?.RootDeviceName;
  if (name === undefined) throw new Error(`collecting instance settings: the image ${ami} has no root device`);
  return name;
}

/** Whether an instance of one type may become one of the other: one for another kind of processor cannot. Where AWS does not know one of them, it is left to say so. */
async function fit(before: Properties, after: Properties): Promise<boolean> {
  const kinds = [before["instanceType"], after["instanceType"]].filter((kind) => typeof kind === "string");
  const [one, other] = await Promise.all(kinds.map((kind) => processorsOf(after, kind)));
  return one === undefined || other === undefined || one.some((kind) => other.includes(kind));
}

async function processorsOf(where: Properties, type: string): Promise<string[] | undefined> {
  try {
    const asked = (await ec2Of(where)).describeInstanceTypes({ InstanceTypes: [type as "g6.xlarge"] });
    return (await asked).InstanceTypes?.[0]?.ProcessorInfo?.SupportedArchitectures;
  } catch (error) {
    if (isRefusal(error, ["InvalidInstanceType"])) return undefined;
    throw error;
  }
}

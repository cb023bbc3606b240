import { jsonAnswer, type Handler } from "./call.js";

/** The Deep Learning images, of which AWS's public parameters name the latest. A machine boots the same Debian from either. */
export const images = { x86_64: "ami-0000000000000d186", arm64: "ami-0000000000000da64" } as const;

const parameterOf = (architecture: string): string =>
  `/aws/service/deeplearning/ami/${architecture}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id`;
const parameters = new Map(Object.entries(images).map(([architecture, id]) => [parameterOf(architecture), id]));

/** What the emulated AWS is to know of them, in its own form. */
export const imagesForMoto = (): readonly object[] =>
  Object.entries(images).map(([architecture, id]) => ({
    ...{
      ami_id: id,
      architecture,
      name: `Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 24.04) ${architecture}`,
    },
    ...{
      state: "available",
      public: true,
      owner_id: "898082745236",
      description: "of the tests",
      image_type: "machine",
    },
    ...{ image_location: "amazon/of-the-tests", sriov: "simple", platform: null, hypervisor: "xen" },
    ...{ root_device_type: "ebs", root_device_name: "/dev/sda1", virtualization_type: "hvm" },
  }));

/** Nobody but AWS can put parameters there. */
export const answerImageParameters: Handler = async ({ service, action, region, json }, onward) => {
  if (service !== "ssm" || (action !== "GetParameter" && action !== "GetParameters")) return undefined;
  const shown = (name: string) => ({
    ...{ Name: name, Type: "String", DataType: "aws:ec2:image", Value: parameters.get(name), Version: 1 },
    ARN: `arn:aws:ssm:${region}::parameter${name}`,
  });
  const { Name = "", Names = [] } = json as { Name?: string; Names?: string[] };
  if (action === "GetParameter") return parameters.has(Name) ? jsonAnswer({ Parameter: shown(Name) }) : undefined;
  if (!Names.some((name) => parameters.has(name))) return undefined;
  const others = JSON.parse((await onward()).body) as { Parameters: object[]; InvalidParameters: string[] };
  return jsonAnswer({
    Parameters: [...others.Parameters, ...Names.filter((name) => parameters.has(name)).map(shown)],
    InvalidParameters: others.InvalidParameters.filter((name) => !parameters.has(name)),
  });
};

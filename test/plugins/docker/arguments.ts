import type { ArgumentsType } from "../sdk-shapes.js";

/** The resources that the stand-in has, and where the SDK has the type of their arguments. */
export const dockerArguments = {
  "docker:index/container:Container": ["@pulumi/docker/container.js", "ContainerArgs"],
  "docker:index/network:Network": ["@pulumi/docker/network.js", "NetworkArgs"],
  "docker:index/remoteImage:RemoteImage": ["@pulumi/docker/remoteImage.js", "RemoteImageArgs"],
  "docker:index/volume:Volume": ["@pulumi/docker/volume.js", "VolumeArgs"],
} as const satisfies Record<string, ArgumentsType>;

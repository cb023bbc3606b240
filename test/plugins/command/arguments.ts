import type { ArgumentsType } from "../sdk-shapes.js";

/** The resources that the stand-in has, and where the SDK has the type of their arguments. */
export const commandArguments = {
  "command:local:Command": ["@pulumi/command/local/command.js", "CommandArgs"],
  "command:remote:Command": ["@pulumi/command/remote/command.js", "CommandArgs"],
  "command:remote:CopyToRemote": ["@pulumi/command/remote/copyToRemote.js", "CopyToRemoteArgs"],
} as const satisfies Record<string, ArgumentsType>;

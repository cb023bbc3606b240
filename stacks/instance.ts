import type * as pulumi from "@pulumi/pulumi";
import type { SsmAccess } from "../components/worker/resolve-host.js";
import { machine } from "./machine.js";
import { workerStack } from "./worker-stack.js";

/** One worker on an EC2 instance that is reached through Systems Manager. */
export const instance = (config: pulumi.Config): Record<string, unknown> =>
  workerStack(config, () => ({ ssm: config.requireObject<SsmAccess>("ssm"), ...machine(config) }));

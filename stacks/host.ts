import type * as pulumi from "@pulumi/pulumi";
import type { SshAccess } from "../components/worker/resolve-host.js";
import { machine } from "./machine.js";
import { workerStack } from "./worker-stack.js";

/** One worker on a machine that is reached by SSH. */
export const host = (config: pulumi.Config): Record<string, unknown> =>
  workerStack(config, () => ({ ssh: config.requireObject<SshAccess>("ssh"), ...machine(config) }));

import type * as pulumi from "@pulumi/pulumi";
import { optional, workerStack } from "./worker-stack.js";

/** One worker on this machine, on the rehearsal network that `npm run devnet` keeps running. */
export const devnet = (config: pulumi.Config): Record<string, unknown> =>
  workerStack(config, () => ({
    ...optional("host", config.get("hostName")),
    root: config.require("hostRoot"),
    ollama: config.require("ollama"),
    ollamaPort: config.requireNumber("ollamaPort"),
    gpu: "none", // its models are tiny
  }));

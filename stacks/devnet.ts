import type * as pulumi from "@pulumi/pulumi";
import { workerStack } from "./worker-stack.js";

/** One worker on this machine, on the rehearsal network that `npm run devnet` keeps running. */
export const devnet = (config: pulumi.Config): Record<string, unknown> =>
  workerStack(config, () => ({
    root: config.require("hostRoot"),
    ollama: config.require("ollama"),
    ollamaPort: config.requireNumber("ollamaPort"),
    gpu: "none", // its models are tiny
  }));

import type * as pulumi from "@pulumi/pulumi";
import type { HostReference } from "../worker-reference.js";

/** What every kind of host offers to the resources that run on it. */
export interface HostResource extends pulumi.Resource {
  /** How other resources reach it. */
  readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the host itself. */
  readonly ollamaUrl: pulumi.Output<string>;
}

import type * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../../late-resource.js";
import type { HostReference } from "../../worker-reference.js";
import { machineInputs, type MachineArgs } from "../runtime-args.js";
import type { StatedSsmWay } from "./reference.js";

/** Arguments of {@link SsmHost}. */
export interface SsmHostArgs extends MachineArgs {
  /** The way there; nothing of it is a secret. */
  readonly ssm: pulumi.Input<StatedSsmWay>;
}

/**
 * An EC2 instance that is reached through Systems Manager, as a worker's host: no port is open on it, and no SSH key exists. What is sent to it is sealed or no secret.
 *
 * **Cost**: none beyond the machine; the bundle's archive in the bucket (50 MB a version).
 *
 * @example
 * new SsmHost("home", {
 *   ssm: { region: "eu-central-1", instance: "i-0123456789abcdef0", bucket: "my-bundles", bootMs: 600_000 },
 *   root: "/var/lib/lightchain-fleet", ollama: "/usr/local/bin/ollama", ollamaPort: 11500,
 * });
 */
export class SsmHost extends LateResource {
  /** How other resources reach it. */
  declare readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  declare readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the machine itself. */
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: SsmHostArgs, opts?: pulumi.CustomResourceOptions) {
    const inputs = { kind: "ssm", ssm: args.ssm, ...machineInputs(name, args) };
    super("host", "Host", name, inputs, opts);
  }
}

import type * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../../late-resource.js";
import type { HostReference } from "../../worker-reference.js";
import { machineInputs, type MachineArgs } from "../runtime-args.js";

/** Arguments of {@link LocalHost}. */
export type LocalHostArgs = MachineArgs;

/**
 * The machine `pulumi` runs on, as a worker's host: our own Ollama under a supervisor (systemd where the machine runs it), everything in one folder.
 * Before anything is made there, the machine is held against its models and the network.
 *
 * **Cost**: none beyond the machine.
 *
 * @example
 * new LocalHost("home", { root: "/var/lib/lightchain", ollama: "/usr/local/bin/ollama", ollamaPort: 11500 });
 */
export class LocalHost extends LateResource {
  /** How other resources reach it; see {@link HostReference}. */
  declare readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  declare readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers. */
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: LocalHostArgs, opts?: pulumi.CustomResourceOptions) {
    super("host", "Host", name, { kind: "local", ...machineInputs(name, args) }, opts);
  }
}

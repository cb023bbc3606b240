import * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../../late-resource.js";
import type { HostReference } from "../../worker-reference.js";
import { machineInputs, type MachineArgs } from "../runtime-args.js";
import { canBeStaged, stageBundle } from "./staging.js";
import type { StatedWay } from "./reference.js";

/** Arguments of {@link SshHost}. */
export interface SshHostArgs extends MachineArgs {
  /** The way there; nothing of it is a secret. */
  readonly connection: StatedWay;
}

/**
 * A machine that is reached by SSH, as a worker's host. Its key is pinned, and what passes the connection is sealed or no secret.
 *
 * **Cost**: none beyond the machine.
 *
 * @example
 * new SshHost("home", {
 *   connection: { server: { address: "10.0.0.7", port: 22, user: "me", hostKey: "ssh-ed25519 AAAA…" }, bastion: null,
 *     identity: { agent: "$SSH_AUTH_SOCK" }, sudo: "passwordless", bootMs: 300_000 },
 *   root: "/var/lib/lightchain-fleet", ollama: "/usr/local/bin/ollama", ollamaPort: 11500,
 * });
 */
export class SshHost extends LateResource {
  /** How other resources reach it, every key in it known. */
  declare readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  declare readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the machine itself. */
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: SshHostArgs, opts?: pulumi.CustomResourceOptions) {
    const { connection, root } = args;
    const inputs = { kind: "ssh", connection, ...machineInputs(name, args) };
    const { bundle, wantedBundle: hash } = inputs;
    const staged = canBeStaged(connection) ? stageBundle(name, { connection, bundle, hash, root }, opts) : [];
    const options = pulumi.mergeOptions(opts, { dependsOn: staged });
    super("host", "Host", name, inputs, options);
  }
}

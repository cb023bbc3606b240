import * as pulumi from "@pulumi/pulumi";
import { compiled } from "../../../system/package-root.js";
import { lateProvider } from "../../late-provider.js";
import type { HostReference } from "../../worker-reference.js";
import { bundleHash } from "../bundle.js";
import { runtimeInputs, type RuntimeArgs } from "../runtime-args.js";
import { canBeStaged, stageBundle } from "./staging.js";
import type { StatedWay } from "./reference.js";

/** Arguments of {@link SshHost}. */
export interface SshHostArgs extends RuntimeArgs {
  /** The host's name; secrets are bound to it. Default: the resource's name. */
  readonly host?: string;
  /** The way there; nothing of it is a secret. */
  readonly connection: StatedWay;
  /** Absolute path of the folder that will hold everything of ours on that machine. */
  readonly root: pulumi.Input<string>;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
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
export class SshHost extends pulumi.dynamic.Resource {
  /** How other resources reach it, every key in it known. */
  declare readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  declare readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the machine itself. */
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: SshHostArgs, opts?: pulumi.CustomResourceOptions) {
    const bundle = args.bundle ?? compiled("bundle");
    const hash = bundleHash(bundle);
    const { connection } = args;
    const staged = canBeStaged(connection)
      ? stageBundle(name, { connection, bundle, hash, root: args.root }, opts)
      : [];
    super(
      lateProvider("host"),
      name,
      {
        kind: "ssh",
        name: args.host ?? name,
        root: args.root,
        connection,
        ...runtimeInputs(args),
        bundle,
        // Named by content, so that a rebuilt bundle is a change that Pulumi sees.
        wantedBundle: hash,
        ...{ reference: undefined, bundleHash: undefined, ollamaUrl: undefined, facts: undefined },
      },
      pulumi.mergeOptions(opts, { dependsOn: staged }),
      "lightchain",
      "Host",
    );
  }
}

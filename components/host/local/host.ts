import * as pulumi from "@pulumi/pulumi";
import { compiled } from "../../../system/package-root.js";
import { lateProvider } from "../../late-provider.js";
import type { HostReference } from "../../worker-reference.js";
import { bundleHash } from "../bundle.js";
import { runtimeInputs, type RuntimeArgs } from "../runtime-args.js";

/** Arguments of {@link LocalHost}. */
export interface LocalHostArgs extends RuntimeArgs {
  /** The host's name; secrets are bound to it. Default: the resource's name. */
  readonly host?: string;
  /** Absolute path of the folder that will hold everything of ours on this machine. */
  readonly root: pulumi.Input<string>;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
}

/**
 * The machine `pulumi` runs on, as a worker's host: our own Ollama under a supervisor (systemd where the machine runs it), everything in one folder.
 * Before anything is made there, the machine is held against its models and the network.
 *
 * **Cost**: none beyond the machine.
 *
 * @example
 * new LocalHost("home", { root: "/var/lib/lightchain", ollama: "/usr/local/bin/ollama", ollamaPort: 11500 });
 */
export class LocalHost extends pulumi.dynamic.Resource {
  /** How other resources reach it; see {@link HostReference}. */
  declare readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  declare readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers. */
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: LocalHostArgs, opts?: pulumi.CustomResourceOptions) {
    const computed = { reference: undefined, bundleHash: undefined, ollamaUrl: undefined, facts: undefined };
    super(
      lateProvider("host"),
      name,
      {
        kind: "local",
        name: args.host ?? name,
        root: args.root,
        ...runtimeInputs(args),
        bundle: args.bundle ?? compiled("bundle"),
        // Named by content, so that a rebuilt bundle is a change that Pulumi sees.
        wantedBundle: bundleHash(args.bundle ?? compiled("bundle")),
        ...computed,
      },
      opts,
      "lightchain",
      "Host",
    );
  }
}

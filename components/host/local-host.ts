import * as pulumi from "@pulumi/pulumi";
import { compiled } from "../../system/package-root.js";
import { lateProvider } from "../late-provider.js";
import type { HostReference } from "../worker-reference.js";
import { bundleHash } from "./bundle.js";

/** Arguments of {@link LocalHost}. */
export interface LocalHostArgs {
  /** The host's name; secrets are bound to it. Default: the resource's name. */
  readonly host?: string;
  /** Absolute path of the folder that will hold everything of ours on this machine. */
  readonly root: pulumi.Input<string>;
  /** Path of the `ollama` program. */
  readonly ollama: pulumi.Input<string>;
  /** Loopback port for an Ollama of our own; one that the user runs is never touched. */
  readonly ollamaPort: pulumi.Input<number>;
  /** Tokens of context models are loaded with. Default 0: the model's own. */
  readonly contextLength?: pulumi.Input<number>;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
}

/**
 * The machine `pulumi` runs on, as a worker's host: our own Ollama under a supervisor (systemd where the machine runs it), everything in one folder.
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
        ollama: args.ollama,
        ollamaPort: args.ollamaPort,
        contextLength: args.contextLength ?? 0,
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

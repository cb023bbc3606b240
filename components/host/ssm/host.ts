import * as pulumi from "@pulumi/pulumi";
import { compiled } from "../../../system/package-root.js";
import { lateProvider } from "../../late-provider.js";
import type { HostReference } from "../../worker-reference.js";
import { bundleHash } from "../bundle.js";
import { runtimeInputs, type RuntimeArgs } from "../runtime-args.js";
import type { StatedSsmWay } from "./reference.js";

/** Arguments of {@link SsmHost}. */
export interface SsmHostArgs extends RuntimeArgs {
  /** The host's name; secrets are bound to it. Default: the resource's name. */
  readonly host?: string;
  /** The way there; nothing of it is a secret. */
  readonly ssm: StatedSsmWay;
  /** Absolute path of the folder that will hold everything of ours on that machine. */
  readonly root: pulumi.Input<string>;
  /** Folder of the worker bundle. Default: the one this package was built with. */
  readonly bundle?: string;
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
export class SsmHost extends pulumi.dynamic.Resource {
  /** How other resources reach it. */
  declare readonly reference: pulumi.Output<HostReference>;
  /** Hash of the bundle it runs. */
  declare readonly bundleHash: pulumi.Output<string>;
  /** Where its Ollama answers, as seen from the machine itself. */
  declare readonly ollamaUrl: pulumi.Output<string>;

  constructor(name: string, args: SsmHostArgs, opts?: pulumi.CustomResourceOptions) {
    const bundle = args.bundle ?? compiled("bundle");
    super(
      lateProvider("host"),
      name,
      {
        kind: "ssm",
        name: args.host ?? name,
        root: args.root,
        ssm: args.ssm,
        ...runtimeInputs(args),
        bundle,
        // Named by content, so that a rebuilt bundle is a change that Pulumi sees.
        wantedBundle: bundleHash(bundle),
        ...{ reference: undefined, bundleHash: undefined, ollamaUrl: undefined, facts: undefined },
      },
      opts,
      "lightchain",
      "Host",
    );
  }
}

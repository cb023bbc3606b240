import type * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../late-resource.js";
import type { HostReference } from "../worker-reference.js";

/** Arguments of {@link Model}. */
export interface ModelArgs {
  /** The host it is loaded on. */
  readonly host: pulumi.Input<HostReference>;
  /** The worker that serves it. */
  readonly worker: pulumi.Input<string>;
  /** The network's exact name, tag included. */
  readonly model: pulumi.Input<string>;
  /** What Ollama pulls. Default: the network's name itself. */
  readonly source?: pulumi.Input<string>;
  /** Registry over plain HTTP; loopback only. Default false. */
  readonly insecure?: pulumi.Input<boolean>;
  /** Manifest digest to hold it to, 64 hex digits. Default: the first pull's, kept in the host's `models.lock`. */
  readonly digest?: pulumi.Input<string>;
}

/**
 * A model on a host: pulled, aliased to the network's exact name, digest held against `models.lock`, loaded, and a real prompt answered.
 *
 * **Cost**: disk for the weights; memory of the largest model that is loaded.
 */
export class Model extends LateResource {
  /** Manifest digest it was found to have. */
  declare readonly heldDigest: pulumi.Output<string>;
  /** What it answered to the first real prompt. */
  declare readonly sample: pulumi.Output<string>;
  /** Measured on that prompt. */
  declare readonly tokensPerSecond: pulumi.Output<number>;

  constructor(name: string, args: ModelArgs, opts?: pulumi.CustomResourceOptions) {
    const computed = { heldDigest: undefined, sample: undefined, tokensPerSecond: undefined, sizeBytes: undefined };
    super(
      "model",
      "Model",
      name,
      {
        host: args.host,
        worker: args.worker,
        model: args.model,
        source: args.source ?? args.model,
        insecure: args.insecure ?? false,
        digest: args.digest ?? "",
        ...computed,
      },
      opts,
    );
  }
}

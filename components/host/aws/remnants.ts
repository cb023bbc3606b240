import type * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../../late-resource.js";
import type { Tells } from "./sweep/shared-sweep.js";

/** Arguments of {@link Remnants}. */
export interface RemnantsArgs {
  readonly region: string;
  /** What the names of what is shared in the region begin with. */
  readonly name: string;
  /** Tags that tell this stack's things from everybody else's. */
  readonly tags: pulumi.Input<Readonly<Record<string, string>>>;
  /** A network that was made for the region, of which alone what is in it is meant. Left out: everything that is shared. */
  readonly vpc?: pulumi.Input<string>;
  /** What is told of the region, and so may be left of it too. Default: nothing. */
  readonly tells?: Tells;
}

/**
 * What runs that were killed made in a region for all of its machines, and never wrote down. It costs nothing while it is there; when everything else of the region is gone, it is
 * taken away. Of a network, so much sooner: what is in it keeps it from going.
 */
export class Remnants extends LateResource {
  constructor(name: string, args: RemnantsArgs, opts?: pulumi.CustomResourceOptions) {
    super("remnants", "Remnants", name, { ...args }, opts);
  }
}

import type * as pulumi from "@pulumi/pulumi";
import { LateResource } from "../../late-resource.js";
import type { ResolvedAwsMachine } from "./args.js";

/** Arguments of {@link Placement}. */
export interface PlacementArgs {
  readonly region: string;
  /** The worker's name: it has an order of its own over the zones. */
  readonly worker: string;
  /** The host's name. */
  readonly host: pulumi.Input<string>;
  /** What will do. */
  readonly machine: ResolvedAwsMachine;
  /** Models that it is to hold, by the network's names. */
  readonly models: readonly string[];
  /** Tokens of context that they are loaded with. */
  readonly contextTokens: number;
  /** Tags of what is reserved for it. */
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Where a machine is to be, and which: chosen once, and kept, because a disk is bound to its zone and an image to its type. That AWS has such a machine to give is proven by
 * a reservation, which the machine takes; for spot machines nothing proves it.
 *
 * **Cost**: a reservation is billed like the machine until the machine takes it, two hours at most.
 */
export class Placement extends LateResource {
  declare readonly type: pulumi.Output<string>;
  declare readonly zone: pulumi.Output<string>;
  /** The image to boot, by its id. */
  declare readonly ami: pulumi.Output<string>;
  /** Tells what was made for it from everything else in the account. */
  declare readonly token: pulumi.Output<string>;

  constructor(name: string, args: PlacementArgs, opts?: pulumi.CustomResourceOptions) {
    const computed = { type: undefined, zone: undefined, ami: undefined, reservation: undefined, token: undefined };
    super("placement", "Placement", name, { ...args, ...computed }, opts);
  }
}

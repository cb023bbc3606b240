import * as pulumi from "@pulumi/pulumi";
import { lateProvider } from "../../late-provider.js";
import type { GpuInstanceType } from "./instance-types.js";

/** Arguments of {@link Placement}. */
export interface PlacementArgs {
  readonly region: string;
  /** The host's name. */
  readonly host: pulumi.Input<string>;
  /** Types that will do, the preferred one first. */
  readonly types: readonly string[];
  /** Zones that will do; `null`: all of the region. */
  readonly zones: readonly string[] | null;
  readonly spot: boolean;
  /** The image to boot; `null`: AWS's Deep Learning AMI of the day. */
  readonly ami: string | null;
}

/**
 * Where a machine is to be, and which: chosen once, and kept, because a disk is bound to its zone and an image to its type. That AWS has such a machine to give is proven by
 * a reservation, which the machine takes; for spot machines nothing proves it.
 *
 * **Cost**: a reservation is billed like the machine until the machine takes it, two hours at most.
 */
export class Placement extends pulumi.dynamic.Resource {
  declare readonly type: pulumi.Output<string>;
  declare readonly zone: pulumi.Output<string>;
  declare readonly chosenAmi: pulumi.Output<string>;
  declare readonly architecture: pulumi.Output<GpuInstanceType["architecture"]>;

  constructor(name: string, args: PlacementArgs, opts?: pulumi.CustomResourceOptions) {
    const computed = {
      type: undefined,
      zone: undefined,
      chosenAmi: undefined,
      architecture: undefined,
      reservation: undefined,
    };
    super(lateProvider("placement"), name, { ...args, ...computed }, opts, "lightchain", "Placement");
  }
}

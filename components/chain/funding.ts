import type * as pulumi from "@pulumi/pulumi";
import { toPlain } from "../../schema/json.js";
import type { FundingCaps } from "../../lifecycle/fund.js";
import type { StakePolicy } from "../../lifecycle/types.js";
import type { Wei } from "../../schema/units.js";
import { LateResource } from "../late-resource.js";
import type { KeyReference, WorkerReference } from "../worker-reference.js";

/** Arguments of {@link Funding}. */
export interface FundingArgs {
  readonly worker: pulumi.Input<WorkerReference>;
  /** The account that pays; its key rests in a store like the worker's. */
  readonly treasury: pulumi.Input<KeyReference>;
  readonly stake: StakePolicy;
  /** Beside the stake (wei). */
  readonly gasReserve: Wei;
  readonly generation: number;
  /** One that leaves is sent nothing more. Default: false. */
  readonly leaving: boolean;
  /** Bounds of what may leave the treasury for this worker. */
  readonly caps: FundingCaps;
}

/**
 * Money for stake and gas: sends exactly what the worker lacks. A re-run after any interruption sends the same signed bytes again, never a second payment. A later run sends what is
 * missing then: once half of the reserve for gas is used and the worker's earnings do not fill it up, or the network's minimum stake was raised within the policy. What an offence took is
 * not sent again as long as the chain counts it.
 *
 * **Cost**: the shortfall moves from the treasury to the worker; gas of one transfer.
 */
export class Funding extends LateResource {
  /** Sent so far in all (wei, decimal). */
  declare readonly sent: pulumi.Output<string>;

  constructor(name: string, args: FundingArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "funding",
      "Funding",
      name,
      {
        worker: args.worker,
        treasury: args.treasury,
        stake: toPlain(args.stake),
        gasReserve: args.gasReserve.toString(),
        generation: args.generation,
        ...(args.leaving ? { leaving: true } : {}), // a stack of before there was this has not changed
        caps: toPlain(args.caps),
        sent: undefined,
        transactions: undefined,
      },
      opts,
    );
  }
}

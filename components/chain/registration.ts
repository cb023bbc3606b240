import type * as pulumi from "@pulumi/pulumi";
import { toPlain } from "../../schema/json.js";
import type { StakePolicy } from "../../lifecycle/types.js";
import type { Wei } from "../../schema/units.js";
import { LateResource } from "../late-resource.js";
import type { WorkerReference } from "../worker-reference.js";

/** How a worker leaves. */
export interface ExitPolicy {
  /** How long a destroy waits for jobs and dispute windows before it says when to come back (ms). Default 15 min. */
  readonly maxWaitMs?: number;
}

/** What is declared about a worker on chain. */
export interface ServingArgs {
  /** Raised to register again after a leave. Default 1. */
  readonly generation: number;
  /** The network's exact names. */
  readonly models: readonly string[];
  readonly stake: StakePolicy;
  /** Kept in the worker's balance for gas, beside the stake (wei). */
  readonly gasReserve: Wei;
  /** Start leaving ahead of a destroy. Default false. */
  readonly leaving?: boolean;
}

/** Arguments of {@link Registration}. */
export interface RegistrationArgs {
  readonly worker: pulumi.Input<WorkerReference>;
  readonly serving: ServingArgs;
  readonly exit?: ExitPolicy;
  /** How long an `up` or a destroy waits while the worker is in trouble and gets no further (ms). Default 60,000. The worker itself goes on trying. */
  readonly patienceMs?: number;
}

/**
 * The worker's place on chain: staked, registered for its models, and live. The sidecar does it, since it alone holds the key; this resource asks and waits.
 *
 * **Cost**: locks the stake while registered. Gas of one transaction to register and one a model. Its delete says *leave*: no new claims, open sessions
 * served, and when the last job is released stake, earnings and rest go to `refundTo`.
 */
export class Registration extends LateResource {
  /** `live`, or how far it is. */
  declare readonly standing: pulumi.Output<string>;
  /** Hash of the registering transaction. */
  declare readonly transaction: pulumi.Output<string>;

  constructor(name: string, args: RegistrationArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      "registration",
      "Registration",
      name,
      {
        worker: args.worker,
        serving: toPlain({ leaving: false, ...args.serving }),
        exit: { maxWaitMs: args.exit?.maxWaitMs ?? 900_000 },
        ...(args.patienceMs === undefined ? {} : { patienceMs: args.patienceMs }),
        standing: undefined,
        transaction: undefined,
        stake: undefined,
      },
      opts,
    );
  }
}

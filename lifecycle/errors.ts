import type { Revert } from "../abi/revert.js";
import { FleetError } from "../schema/errors.js";
import type { Address, Hash, Hex, ModelId, Wei } from "../schema/units.js";
import { lcai } from "./money.js";
import { entryOf, nameOf } from "./reverts.js";
import type { Blocker, PurposeId } from "./types.js";

/** What stands in the way, said as a part of a plan instead of thrown. */
export const blockerFor = (error: FleetError): Blocker => ({
  code: error.code as Blocker["code"],
  summary: error.summary,
  fix: error.fix,
});

/** LF1201: the chain knows this worker with another encryption key, so no session could be opened. */
export class KeyMismatch extends FleetError {
  constructor(
    readonly worker: Address,
    readonly onChain: Hex,
    readonly own: Hex,
  ) {
    super(
      "LF1201",
      `Worker ${worker} is registered with another encryption key (${short(onChain)}) than the one that is held (${short(own)}).`,
      {
        fix: "restore the record that the worker was registered with; a new key needs a leave and a higher `generation`.",
      },
    );
  }
}

/** LF1202: the configured fixed stake is less than the network asks for. */
export class StakePolicyTooLow extends FleetError {
  constructor(
    readonly amount: Wei,
    readonly minimum: Wei,
  ) {
    super(
      "LF1202",
      `The configured stake of ${lcai(amount)} LCAI is below the network's minimum of ${lcai(minimum)}.`,
      {
        fix: `set the worker's stake to at least ${lcai(minimum)} LCAI, or to "minimum", and run \`pulumi up\`.`,
      },
    );
  }
}

/** LF1203: the stake fell below the network's minimum, so no session can be claimed. */
export class StakeBelowMinimum extends FleetError {
  constructor(
    readonly worker: Address,
    readonly stake: Wei,
    readonly minimum: Wei,
    readonly offences: bigint,
  ) {
    super(
      "LF1203",
      `Worker ${worker} has ${lcai(stake)} LCAI staked, ${lcai(minimum - stake)} below the minimum, after ${offences} offence(s).`,
      {
        fix: "find what caused the offence; then `pulumi destroy` brings the rest of the stake back, and a higher `generation` with `pulumi up` begins anew.",
      },
    );
  }
}

/** LF1204: the network does not admit the model. */
export class ModelNotWhitelisted extends FleetError {
  constructor(readonly model: ModelId) {
    super("LF1204", `Model ${model} is not on the network's list.`, {
      fix: "check the model's exact spelling, or take it out of the worker's models, and run `pulumi up`.",
    });
  }
}

/** LF1205: the network knows the model, but pays no jobs for it now. */
export class ModelDisabled extends FleetError {
  constructor(readonly model: ModelId) {
    super("LF1205", `Model ${model} is disabled on the network.`, {
      fix: "take it out of the worker's models until the network enables it, and run `pulumi up`.",
    });
  }
}

/** LF1206: the network asks for more stake than the operator allows. */
export class StakeAbovePolicy extends FleetError {
  constructor(
    readonly needed: Wei,
    readonly max: Wei,
  ) {
    super("LF1206", `The network asks for ${lcai(needed)} LCAI of stake; at most ${lcai(max)} is allowed.`, {
      fix: `raise the worker's \`stake.max\` to ${lcai(needed)} LCAI if that is what you want, and run \`pulumi up\`.`,
    });
  }
}

/** LF1207: this generation of the worker has left, and leaving is for good. */
export class GenerationLeft extends FleetError {
  constructor(
    readonly worker: Address,
    readonly generation: number,
  ) {
    super("LF1207", `Generation ${generation} of worker ${worker} has been on the network and left it.`, {
      fix: `raise the worker's \`generation\` above ${generation} to register again, and run \`pulumi up\`.`,
    });
  }
}

/** LF1220: the treasury cannot pay what a worker needs. */
export class TreasuryTooPoor extends FleetError {
  constructor(
    readonly treasury: Address,
    readonly balance: Wei,
    readonly needed: Wei,
  ) {
    super(
      "LF1220",
      `The treasury ${treasury} holds ${lcai(balance)} LCAI; ${lcai(needed)} are needed with gas: ${lcai(needed - balance)} are missing.`,
      { fix: `send at least ${lcai(needed - balance)} LCAI to ${treasury}, then run \`pulumi up\` again.` },
    );
  }
}

/** LF1221: a payment would go beyond what the operator allows. */
export class CapExceeded extends FleetError {
  constructor(
    readonly cap: "perAction" | "perDay" | "lifetime",
    readonly wanted: Wei,
    readonly allowed: Wei,
  ) {
    super(
      "LF1221",
      `Worker needs ${lcai(wanted)} LCAI, but \`caps.${cap}\` leaves ${lcai(allowed)} LCAI to be sent${cap === "perDay" ? " today" : ""}.`,
      { fix: `raise \`caps.${cap}\` if that is what you want, and run \`pulumi up\`.` },
    );
  }
}

/**
 * LF1230: the node refuses a transaction, or the contract with an error that nobody declared; nothing was paid. What the network's contracts declare has codes of its own, from LF1701 on:
 * `reverts.ts`.
 */
export class SendRefused extends FleetError {
  /** The contract's own name of the error, or the node's words. */
  readonly reason: string;

  constructor(
    readonly purpose: PurposeId,
    why: string | Revert,
    cause?: unknown,
  ) {
    const entry = typeof why === "string" ? undefined : entryOf(why);
    const reason = typeof why === "string" ? why : nameOf(why);
    super(
      entry?.code ?? "LF1230",
      `The transaction ${purpose} was refused: ${reason}${entry === undefined ? "" : `: ${entry.means}`}.`,
      {
        fix:
          entry?.fix ??
          "`npx fleet status` shows what the chain says of this worker; the next `pulumi up` or `pulumi destroy` plans anew.",
        cause,
      },
    );
    this.reason = reason;
  }
}

/** LF1231: whether a sent transaction will be mined is not known yet. It will not be paid twice. */
export class OutcomeUnknown extends FleetError {
  constructor(
    readonly purpose: PurposeId,
    readonly hash: Hash,
    waitedMs: number,
  ) {
    super("LF1231", `${purpose} (${hash}) was not mined within ${Math.round(waitedMs / 1000)} s.`, {
      fix: "run the same command again: it follows this very transaction and sends no second one.",
    });
  }
}

/** LF1232: a step succeeded, yet the chain still asks for it. */
export class NoProgress extends FleetError {
  constructor(readonly purpose: PurposeId) {
    super("LF1232", `${purpose} is mined, and the chain still asks for it.`, {
      fix: "check that every node behind the network's `rpc` address is in sync, and run the command again.",
    });
  }
}

/** LF1233: gas costs more than the operator allows. */
export class GasTooExpensive extends FleetError {
  constructor(
    readonly price: bigint,
    readonly max: bigint,
  ) {
    super("LF1233", `Gas costs ${price} wei; at most ${max} is allowed.`, {
      fix: "wait until the network is less busy, and run the command again; fleet recover pays more with --max-gas-price GWEI.",
    });
  }
}

/** LF1234: a transaction was mined and failed, more than once. */
export class StepReverted extends FleetError {
  constructor(
    readonly purpose: PurposeId,
    readonly hash: Hash,
  ) {
    super("LF1234", `${purpose} was mined and failed again (${hash}).`, {
      fix: `look at ${hash} in the network's explorer, and run the command again.`,
    });
  }
}

/** LF1235: the key was used by somebody else since the plan was made. Nothing was paid; plan again. */
export class PlanStale extends FleetError {
  constructor(
    readonly purpose: PurposeId,
    /** The nonce that the plan, or the transaction, was made for. */
    readonly nonce: number,
  ) {
    super("LF1235", `${purpose} was meant for nonce ${nonce} of its key, which another transaction has taken.`, {
      fix: "run the command again; it plans on what the chain says now.",
    });
  }
}

/** LF1236: the worker is registered, but no block of its registration was found. */
export class RegistrationNotFound extends FleetError {
  constructor(readonly worker: Address) {
    super("LF1236", `No log of worker ${worker}'s registration was found, so its sessions are not known.`, {
      fix: "use an archive node as the network's `rpc`, and run the command again.",
    });
  }
}

/** LF1238: the node did not answer a question. */
export class NodeSilent extends FleetError {
  constructor(words: string, cause: unknown) {
    super("LF1238", `The network's node did not answer: ${words}.`, {
      fix: "check that the network's `rpc` can be reached from this machine, and run the command again.",
      cause,
    });
  }
}

/** LF1239: a blob transaction of a former holder keeps every other one of this key out of the node, and could not be replaced. */
export class BlobInTheWay extends FleetError {
  constructor(
    readonly account: Address,
    readonly nonce: number,
    why: string,
  ) {
    super(
      "LF1239",
      `A blob transaction of ${account} hangs at nonce ${nonce}, keeps every other one of this key out of the node, and was not replaced: ${why}.`,
      {
        fix: "run the same command again later: it bids again, and goes on by itself once the network has mined or dropped that blob.",
      },
    );
  }
}

const short = (key: Hex): string => `${key.slice(0, 12)}…`;

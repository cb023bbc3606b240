import type { Revert } from "../abi/revert.js";
import { SendRefused as LifecycleSendRefused } from "../lifecycle/errors.js";
import type { PurposeId } from "../lifecycle/types.js";
import { FleetError } from "../schema/errors.js";
import type { Hash } from "../schema/units.js";
import type { RefusalKind } from "./ports.js";

/*
 * What the chain-facing ports reject with. Those with a code may end a job or reach a person; the two outcomes of a
 * broadcast never leave the transaction manager.
 */

/** LF1405: the node did not answer, or not with something usable. Nothing was changed; asking again later is right. */
export class ChainUnavailable extends FleetError {
  constructor(
    readonly what: string,
    cause: unknown,
  ) {
    super("LF1405", `The network's node could not be asked for ${what}.`, {
      fix: "check that the network's `rpc` answers from the worker's host; it is asked again by itself.",
      cause,
    });
  }
}

/** A transaction was certainly not taken: nothing is in a pool and its nonce is free again (LF1230 or the revert's own code, as of every sender). */
export class SendRefused extends LifecycleSendRefused {
  constructor(
    purpose: PurposeId,
    readonly kind: RefusalKind | "reverted",
    why: string | Revert,
    cause?: unknown,
  ) {
    super(purpose, why, cause);
  }
}

/** The chain would revert the call, so it was not sent. */
export class CallReverted extends SendRefused {
  constructor(
    purpose: PurposeId,
    readonly revert: Revert,
    cause?: unknown,
  ) {
    super(purpose, "reverted", revert, cause);
  }
}

/** What a node's estimate says against a call: it would revert (`revert` is the decoded reason), or the balance does not cover it (`null`). */
export class EstimateRefused extends Error {
  constructor(
    readonly revert: Revert | null,
    reason: string,
    cause?: unknown,
  ) {
    super(reason, { cause });
  }
}

/** A node's certain "no" to a broadcast: these bytes are in no pool of it. */
export class BroadcastRefused extends Error {
  constructor(
    readonly kind: RefusalKind,
    reason: string,
    cause?: unknown,
  ) {
    super(reason, { cause });
  }
}

/** A broadcast whose outcome is unknown: the bytes may be in a pool, now or later. Only the chain can tell. */
export class BroadcastUnclear extends Error {
  constructor(reason: string, cause?: unknown) {
    super(reason, { cause });
  }
}

/** LF1408: the beacon node did not answer, or not with something usable. */
export class BeaconUnavailable extends FleetError {
  constructor(what: string, cause: unknown) {
    super("LF1408", `The beacon node could not be asked for ${what}.`, {
      fix: "check that endpoints.beacon of the network answers from this host.",
      cause,
    });
  }
}

/** LF1409: no block that may carry the blob has it. */
export class BlobNotFound extends FleetError {
  constructor(
    readonly hash: Hash,
    from: bigint,
    to: bigint,
  ) {
    super("LF1409", `Blob ${hash} is in none of the blocks ${to} to ${from}.`, {
      fix: "check that endpoints.beacon keeps blobs for as long as the network's retention period.",
    });
  }
}

/** LF1410: an answer that does not fit into one blob can never be settled. */
export class PayloadTooLarge extends FleetError {
  constructor(
    readonly bytes: number,
    capacity: number,
  ) {
    super("LF1410", `An encrypted answer of ${bytes} bytes does not fit into a blob (${capacity} bytes at most).`, {
      fix: "lower inference.numPredict so that answers stay below the limit.",
    });
  }
}

/** LF1411: neither the native KZG library nor its WASM stand-in works on this host. */
export class KzgUnavailable extends FleetError {
  constructor(cause: unknown) {
    super("LF1411", "Blobs cannot be built: no KZG library could be loaded, or its thread keeps dying.", {
      fix: "install the bundle again; `npm rebuild` the native c-kzg library if this runs from source.",
      cause,
    });
  }
}

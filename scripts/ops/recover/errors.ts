import { holdingOf } from "../../../components/keys/holder.js";
import type { WaitUntil } from "../../../lifecycle/types.js";
import type { WorkerRecord } from "../../../keystore/store.js";
import { FleetError } from "../../../schema/errors.js";
import type { Network } from "../../../schema/network.js";

/** LF1620: which worker is to be recovered cannot be told from what the command was given. Next: name a backup with its recovery key, or a store with a record, as the line shows. */
export class RecoverUnclear extends FleetError {
  constructor(what: string, fix: string, cause?: unknown) {
    super("LF1620", `There is nothing to recover from: ${what}.`, { fix, cause });
  }
}

/** LF1621: the sidecar that holds the key may still live. */
export class StillHeld extends FleetError {
  /** @param again the same command once more, to which the word is added */
  constructor(record: WorkerRecord, again: string) {
    super(
      "LF1621",
      `Worker ${record.name} is held by host ${record.holder ?? ""} (epoch ${record.epoch}), and whether its sidecar still lives cannot be seen from here. ` +
        "Two signers with one key replace each other's transactions, and a job that is being answered there would be lost and slashed.",
      {
        fix: `stop that sidecar, or make sure that the machine is gone for good; then: ${again} --holder-gone ${holdingOf(record)}`,
      },
    );
  }
}

/** LF1622: the worker cannot leave yet. Nothing is lost by coming back later. */
export class NotYet extends FleetError {
  constructor(
    readonly worker: string,
    readonly until: WaitUntil,
    because: string,
    again: string,
  ) {
    const time = until.kind === "time" ? isoOf(until.time) : undefined;
    super(
      "LF1622",
      time === undefined
        ? `Worker ${worker} cannot leave yet: ${because}.`
        : `Worker ${worker} cannot leave before ${time} on the chain's clock: ${because}.`,
      {
        fix: `${time === undefined ? "once that has changed" : `from ${time}`}, the same command goes on where this one stopped: ${again} (or now, with --wait, which stays until then)`,
      },
    );
  }
}

/** LF1623: the record belongs to another network than the one that was named. */
export class OtherNetwork extends FleetError {
  constructor(record: WorkerRecord, network: Network) {
    super(
      "LF1623",
      `Worker ${record.name} lives on chain ${record.chainId} with registry ${record.workerRegistry}; ${network.name} is chain ${network.chainId} with registry ${network.contracts.workerRegistry}.`,
      { fix: "name the network that it was made for with --network." },
    );
  }
}

/** A block time for a person. */
export const isoOf = (time: bigint): string => new Date(Number(time) * 1000).toISOString().replace(".000", "");

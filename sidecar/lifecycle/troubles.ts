import { lcai } from "../../lifecycle/money.js";
import { describeError, FleetError } from "../../schema/errors.js";
import type { Problem } from "../../schema/control.js";
import type { Identity } from "../parts.js";
import type { ModelName, Wei } from "../../schema/units.js";

/** LF1412: the key was used where this journal did not see it. */
export class JournalStale extends FleetError {
  constructor({ worker, host, epoch }: Pick<Identity, "worker" | "host" | "epoch">) {
    super(
      "LF1412",
      `The chain knows transactions of ${worker} that this host's journal does not: another host may be serving, or the journal is old.`,
      {
        fix: `make sure that no copy of this machine runs elsewhere; then LIGHTCHAIN_HOLDER_GONE=${host}#${epoch} pulumi up (or pulumi destroy) starts a new epoch here.`,
      },
    );
  }
}

/** LF1460: the rehearsal failed, so nothing is staked. Next: see what the line names, mostly Ollama on the worker's host; the rehearsal is repeated by itself. */
export class RehearsalFailed extends FleetError {
  constructor(what: string, fix: string, cause?: unknown) {
    super("LF1460", `The rehearsal failed: ${what}.`, cause === undefined ? { fix } : { fix, cause });
  }
}

/** LF1461: the chain counts more offences than the operator has seen. */
export class OffenceSeen extends FleetError {
  constructor(worker: string, count: bigint, acknowledged: bigint) {
    super(
      "LF1461",
      `The chain counts ${count} offence(s) of ${worker}, ${count - acknowledged} of them new: no session is claimed any more.`,
      { fix: "find out why a job was missed (log, `npx fleet status`), repair it, then `npx fleet resume`." },
    );
  }
}

/** LF1463: more than half of what the worker is to have for gas is used, and it has not earned enough to fill that up. It serves for as long as the rest lasts. */
export class GasLow extends FleetError {
  constructor(worker: string, balance: Wei, reserve: Wei) {
    super("LF1463", `${worker} has ${lcai(balance)} LCAI left of the ${lcai(reserve)} that it is to have for gas.`, {
      fix: "pulumi up sends what is missing from the treasury, within its caps.",
    });
  }
}

/** LF1464: the machine is taken back by whom it was rented from. The worker claims nothing more, and finishes what can be finished. */
export class MachineTakenBack extends FleetError {
  constructor(worker: string, what: string, at: string) {
    super("LF1464", `The machine of ${worker} will be taken back (${what}) at ${at}.`, {
      fix: "nothing: it comes back by itself when AWS has room again. pulumi up --refresh makes another one where it was terminated.",
    });
  }
}

/** LF1460 too: a model is not there, or does not answer in time. */
export class ModelSilent extends RehearsalFailed {
  constructor(model: ModelName, reason: string, cause?: unknown) {
    super(
      `${model} ${reason}`,
      "see that Ollama runs on the worker's host, and what its log says; the rehearsal is repeated by itself.",
      cause,
    );
  }
}

/** An error as the status shows it. LF1469: something went wrong that has no code of its own; the sidecar tries again. */
export const problemOf = (error: unknown): Problem =>
  error instanceof FleetError
    ? { code: error.code, summary: error.summary, fix: error.fix }
    : {
        code: "LF1469",
        summary: describeError(error),
        fix: "read the sidecar's log on the host; it tries again by itself.",
      };

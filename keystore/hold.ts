import { FleetError } from "../schema/errors.js";
import type { HolderPlace, RecordRef, SecretStore, WorkerRecord } from "./store.js";

/** Who asks for the key: a host; or nobody, so that whoever has the store signs by itself and every secret that was sealed before is of a former epoch. */
export type Taker = { readonly host: string; readonly place: HolderPlace } | "nobody";

/** What a former holder's host says of it. `dead`: nothing of it runs, and nothing there will start it again. */
export interface DeathProof {
  readonly dead: boolean;
  /** How that is known, or why not: one clause. */
  readonly how: string;
}

/** What is known of the former holder when the decision is made. */
export interface HoldEvidence {
  /** The operator's word that a holder is gone for good: `<host>#<epoch>`, exactly as the record has them. */
  readonly told: string | undefined;
  /** `null`: its host was not asked. */
  readonly proof: DeathProof | null;
}

/** Whether the taker may have the key, and under which epoch. */
export type HoldDecision =
  | { readonly kind: "keep"; readonly epoch: number }
  | { readonly kind: "take"; readonly epoch: number; readonly because: "free" | "proven" | "told" }
  | { readonly kind: "refused"; readonly holder: string; readonly epoch: number; readonly how: string };

/**
 * One key has one signer. The present holder keeps its epoch; anybody else gets the next one, and only when the former holder is proven stopped or the
 * operator says so. That word renews the holder's own epoch too: what it tells gone is then another run under the same epoch. Pure.
 */
export function decideHold(
  record: Pick<WorkerRecord, "holder" | "holderAt" | "epoch">,
  taker: Taker,
  { told, proof }: HoldEvidence,
): HoldDecision {
  const { holder, epoch } = record;
  const next = epoch + 1;
  if (holder === null) return taker === "nobody" ? { kind: "keep", epoch } : take(next, "free");
  if (told === `${holder}#${epoch}`) return take(next, "told");
  if (isHeldBy(record, taker)) return { kind: "keep", epoch };
  if (proof?.dead === true) return take(next, "proven");
  return { kind: "refused", holder, epoch, how: proof?.how ?? "it was not asked" };
}

const take = (epoch: number, because: "free" | "proven" | "told"): HoldDecision => ({ kind: "take", epoch, because });

/** Whether a record's key is held by this very host: its name alone may be another's. A record of an older version knows only the name. Pure. */
export const isHeldBy = (record: Pick<WorkerRecord, "holder" | "holderAt">, taker: Taker): boolean =>
  taker !== "nobody" &&
  record.holder === taker.host &&
  (record.holderAt === undefined || record.holderAt.sealKey === taker.place.sealKey);

/** LF1504: another host may still sign with this worker's key. */
export class HeldElsewhere extends FleetError {
  constructor(
    worker: string,
    readonly holder: string,
    readonly epoch: number,
    how: string,
    wayOut: string,
  ) {
    super(
      "LF1504",
      `Worker ${worker} is held by host ${holder} (epoch ${epoch}), which is not proven stopped: ${how}.`,
      { fix: `stop it there; if that machine is gone for good: ${wayOut}` },
    );
  }
}

/** A hold as it is in the record now. */
export interface Hold {
  readonly record: WorkerRecord;
  readonly epoch: number;
  /** Why there is a new epoch; `null` when there is none. */
  readonly because: "free" | "proven" | "told" | null;
}

/** How the former holder is found out about. */
export interface HoldOptions {
  readonly told: string | undefined;
  /** Asks the former holder's host, and takes away there what it would be started again with; only called when it matters. Default: nobody can be asked. */
  readonly ask?: (place: HolderPlace | undefined) => Promise<DeathProof>;
  /** The command that passes the operator's word on. @param holder `<host>#<epoch>` */
  readonly wayOut: (holder: string) => string;
}

/**
 * Makes the taker the record's holder, or says that it is. The caller holds the record's lock; the change is a compare-and-set all the same.
 * @throws HeldElsewhere LF1504
 */
export async function takeHold(store: SecretStore, ref: RecordRef, taker: Taker, options: HoldOptions): Promise<Hold> {
  const { record, version } = await store.read(ref, "worker");
  const { told } = options;
  let decision = decideHold(record, taker, { told, proof: null });
  if (decision.kind === "refused" && options.ask !== undefined) {
    const proof = await options.ask(record.holderAt);
    decision = decideHold(record, taker, { told, proof });
  }
  switch (decision.kind) {
    case "refused": {
      const { holder, epoch, how } = decision;
      throw new HeldElsewhere(record.name, holder, epoch, how, options.wayOut(`${holder}#${epoch}`));
    }
    case "keep":
      // An older version knew no place; and another way to the same host is the one to ask it by from now on.
      if (taker !== "nobody" && record.holderAt?.reference !== taker.place.reference)
        return hold(await store.update(ref, version, { ...record, holderAt: taker.place }), null);
      return hold({ record }, null);
    case "take": {
      const { epoch, because } = decision;
      const held =
        taker === "nobody"
          ? { ...released(record), epoch }
          : { ...record, holder: taker.host, holderAt: taker.place, epoch };
      return hold(await store.update(ref, version, held), because);
    }
  }
}

const hold = ({ record }: { record: WorkerRecord }, because: Hold["because"]): Hold => ({
  record,
  epoch: record.epoch,
  because,
});

/** The record without a holder, under the same epoch: whoever takes it next does so under the next one. Pure. */
export function released(record: WorkerRecord): WorkerRecord {
  const free: { -readonly [K in keyof WorkerRecord]: WorkerRecord[K] } = { ...record, holder: null };
  delete free.holderAt;
  return free;
}

import { getAddress } from "viem";
import type { Address } from "../schema/units.js";
import type { PurposeId, SentTx, StepKind } from "./types.js";

/**
 * What a transaction of a worker, or one for it, can be for. The last six are no steps of its life: the sidecar's daily work, and a transaction that does
 * nothing but use a nonce up.
 */
export type PurposeKind =
  Exclude<StepKind, "rehearse"> | "fund" | "handover" | "claim" | "acknowledge" | "answer" | "complete" | "fill";

/** The parts of a {@link PurposeId}. */
export interface Purpose {
  readonly chainId: number;
  /** The worker that it is for, whoever pays. */
  readonly worker: Address;
  readonly kind: PurposeKind;
  readonly generation: number;
  /** Tells apart what one generation does several times: a model, a job, a count. Default: nothing. */
  readonly detail?: string;
}

const kinds: Record<PurposeKind, true> = {
  register: true,
  addModel: true,
  removeModel: true,
  setCapabilities: true,
  topUp: true,
  reinstate: true,
  release: true,
  settle: true,
  withdraw: true,
  deregister: true,
  sweep: true,
  fund: true,
  handover: true,
  claim: true,
  acknowledge: true,
  answer: true,
  complete: true,
  fill: true,
};
/** Purposes that the lifecycle itself plans: while one of these is undecided, what is next is too. */
const daily: ReadonlySet<PurposeKind> = new Set<PurposeKind>([
  "handover",
  "claim",
  "acknowledge",
  "answer",
  "complete",
  "fill",
]);

/** Writes a purpose in its only spelling. @throws RangeError when a part cannot be written */
export function purposeId({ chainId, worker, kind, generation, detail }: Purpose): PurposeId {
  const text = `${chainId}/${worker.toLowerCase()}/${kind}/g${generation}${detail === undefined ? "" : `/${detail}`}`;
  if (parsePurpose(text) === undefined) throw new RangeError(`not a purpose: ${text}`);
  return text as PurposeId;
}

/** Takes a purpose apart; `undefined` when the text is none. */
export function parsePurpose(text: string): Purpose | undefined {
  const match = /^([1-9][0-9]*)\/(0x[0-9a-f]{40})\/([a-zA-Z]+)\/g(0|[1-9][0-9]*)(?:\/([A-Za-z0-9./_-]+))?$/.exec(text);
  const [, chainId, worker, kind, generation, detail] = match ?? [];
  if (chainId === undefined || worker === undefined || generation === undefined || !isKind(kind)) return undefined;
  const parts = { chainId: Number(chainId), worker: getAddress(worker), kind, generation: Number(generation) };
  return detail === undefined ? parts : { ...parts, detail };
}

/** Whether a transaction is one that the lifecycle planned, rather than the sidecar's daily work. */
export function isLifecycle(tx: SentTx): boolean {
  const purpose = parsePurpose(tx.purpose);
  return purpose !== undefined && !daily.has(purpose.kind);
}

/**
 * The purpose of the next achievement of a kind that happens several times in a generation: `<kind>/g<generation>[/<of>]/<n>`, where n counts on only when
 * the one before it was mined. So a repeated attempt keeps its purpose, and a second achievement has its own.
 */
export function nextPurpose(
  base: Omit<Purpose, "detail"> & { readonly of?: string },
  sent: readonly SentTx[],
): PurposeId {
  const { of, ...purpose } = base;
  for (let n = 1; ; n++) {
    const id = purposeId({ ...purpose, detail: of === undefined ? `${n}` : `${of}/${n}` });
    if (!sent.some((tx) => tx.purpose === id && tx.outcome === "mined")) return id;
  }
}

const isKind = (text: string | undefined): text is PurposeKind => text !== undefined && Object.hasOwn(kinds, text);

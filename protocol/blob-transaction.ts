import { fromRlp, toRlp } from "viem";
import { z } from "zod";
import type { Hex } from "../schema/units.js";

/** Which proofs go beside a blob: one of the whole blob (EIP-4844, sidecar version 0), or one of each of its 128 cells (EIP-7594, version 1). */
export type ProofKind = "blob" | "cells";

/** What goes beside a signed transaction of one blob on its way to a node. */
export interface BlobSidecar {
  readonly blob: Hex;
  /** 48 bytes. */
  readonly commitment: Hex;
  readonly kind: ProofKind;
  /** 48 bytes each: one, or 128 in the order of the cells. */
  readonly proofs: readonly Hex[];
}

/** A signed blob transaction did not come in one of its three forms. */
export class BlobTransactionError extends Error {
  constructor(why: string) {
    super(`not a signed transaction of one blob: ${why}`);
    this.name = "BlobTransactionError";
  }
}

const type = "0x03";
/** How many proofs go beside one blob. */
export const proofsPerBlob: Readonly<Record<ProofKind, number>> = { blob: 1, cells: 128 };
/** Marks the form that carries cell proofs. */
const cellsVersion = "0x01";

/**
 * The form in which nodes take a signed blob transaction: `0x03 || rlp([body, blobs, commitments, proofs])`, with cell proofs
 * `0x03 || rlp([body, 0x01, blobs, commitments, cell_proofs])` (EIP-4844, EIP-7594). Its hash is made of the body alone, so that one signature goes with
 * either.
 * @param signed without a sidecar: `0x03 || rlp(body)`
 */
export function withSidecar(signed: Hex, sidecar: BlobSidecar): Hex {
  const body = fromRlp(`0x${signed.slice(type.length)}`);
  const version = sidecar.kind === "cells" ? [cellsVersion as Hex] : [];
  const wrapped = toRlp([body, ...version, [sidecar.blob], [sidecar.commitment], [...sidecar.proofs]]);
  return `${type}${wrapped.slice(2)}`;
}

/** The form that goes into a block, and that the hash is made of; what is no blob transaction comes back as it is. Looks at nothing but lengths. */
export function withoutSidecar(raw: Hex): Hex {
  if (!raw.startsWith(type)) return raw;
  const outer = rlpItem(raw, type.length);
  const inner = rlpItem(raw, outer.start);
  return inner.isList ? `${type}${raw.slice(outer.start, inner.end)}` : raw;
}

/** The sidecar of a signed blob transaction; `null` when it carries none. @throws BlobTransactionError */
export function sidecarOf(raw: Hex): BlobSidecar | null {
  const signed = withoutSidecar(raw);
  if (rlpItem(raw, type.length).end !== raw.length)
    throw new BlobTransactionError("it is cut off, or something follows");
  if (signed === raw) return null;
  const parts = sidecarSchema.safeParse(decoded(raw));
  if (!parts.success) throw new BlobTransactionError("its sidecar is damaged");
  const { kind, blobs, commitments, proofs } = parts.data;
  if (proofs.length !== proofsPerBlob[kind]) throw new BlobTransactionError(`${proofs.length} proofs of its ${kind}`);
  return { blob: blobs[0], commitment: commitments[0], kind, proofs };
}

const hex = z.custom<Hex>((item) => typeof item === "string");
const point = z.custom<Hex>((item) => typeof item === "string" && item.length === 2 + 2 * 48);
const contents = [z.tuple([hex]), z.tuple([point]), z.array(point)] as const;
const sidecarSchema = z.union([
  z
    .tuple([z.array(z.unknown()), ...contents])
    .transform(([, blobs, commitments, proofs]) => ({ kind: "blob" as const, blobs, commitments, proofs })),
  z
    .tuple([z.array(z.unknown()), z.literal(cellsVersion), ...contents])
    .transform(([, , blobs, commitments, proofs]) => ({ kind: "cells" as const, blobs, commitments, proofs })),
]);

function decoded(raw: Hex): unknown {
  try {
    return fromRlp(`0x${raw.slice(type.length)}`);
  } catch {
    return undefined;
  }
}

const configSchema = z.looseObject({ current: z.looseObject({ precompiles: z.record(z.string(), z.string()) }) });
/** Address of P256VERIFY (EIP-7951), which came with Osaka as cell proofs did. */
const p256Verify = 0x100n;

/**
 * Which proofs the rules of a chain's newest block ask for, by its node's answer to `eth_config` (EIP-7910). No field names the fork: its contracts tell.
 * @returns `null` when the answer is none
 */
export function proofsAskedFor(config: unknown): ProofKind | null {
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) return null;
  const addresses = Object.values(parsed.data.current.precompiles);
  return addresses.some((address) => /^0x[0-9a-f]+$/i.test(address) && BigInt(address) === p256Verify)
    ? "cells"
    : "blob";
}

/** What nodes say (geth, reth, Nethermind) when a blob comes with the other kind of proofs than their rules ask for: none of it is in a pool. */
export const otherProofsWanted = /sidecar version|sidecar (?:after|before) osaka|proof ?version/i;

/** Where an RLP item's content starts and ends in a hex string, as positions in the string. */
function rlpItem(hex: string, at: number): { isList: boolean; start: number; end: number } {
  const byte = (position: number, bytes = 1): number => parseInt(hex.slice(position, position + 2 * bytes), 16);
  const first = byte(at);
  const isList = first >= 0xc0;
  const short = first - (isList ? 0xc0 : 0x80);
  if (short <= 55) return { isList, start: at + 2, end: at + 2 + 2 * Math.max(short, 0) };
  const lengthBytes = short - 55;
  const start = at + 2 + 2 * lengthBytes;
  return { isList, start, end: start + 2 * byte(at + 2, lengthBytes) };
}

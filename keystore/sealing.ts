import type { Address } from "../schema/units.js";
import { addressSchema } from "../schema/network.js";
import { z } from "zod";
import { canonicalJson } from "./canonical-json.js";
import { SealRefused } from "./errors.js";
import { equalTexts, fromBase64, newSealKey, openSealed, sealTo, type SealKeyPair } from "./sealed-box.js";

/** Something on its way to a host, base64: opens only with that host's key, and says for whom it was meant. */
export type SealedForHost = string & { readonly __sealedForHost: never };

/** For whom a secret is sealed. All of it is bound into the message. */
export interface SealTarget {
  /** The host's X25519 public key, 32 bytes, read over the authenticated transport. */
  readonly hostPublicKey: Uint8Array;
  /** The host's stable name. */
  readonly host: string;
  /** Under which epoch the host may sign. */
  readonly epoch: number;
  /** The worker's address. */
  readonly address: Address;
}

/** A host's key pair, made on the host. */
export const newHostKey = (): SealKeyPair => newSealKey();

/** What is sealed: a worker's keys, or its journal. One never opens as the other. */
export type Cargo = "secret" | "journal";
const purposeOf = (cargo: Cargo): string => `${cargo} for a host v1`;

/** Seals `payload` to a host, from a sender that exists for this message only. The caller zeroes the payload. @param cargo default: a worker's keys */
export function sealForHost(target: SealTarget, payload: Uint8Array, cargo: Cargo = "secret"): SealedForHost {
  const { host, epoch, address } = target;
  const context = canonicalJson({ address, epoch, host });
  return Buffer.from(sealTo(target.hostPublicKey, purposeOf(cargo), context, payload)).toString(
    "base64",
  ) as SealedForHost;
}

/** What was sealed, and for whom. The receiver zeroes the payload. */
export interface OpenedSecret {
  readonly host: string;
  readonly epoch: number;
  readonly address: Address;
  readonly payload: Uint8Array;
}

/**
 * Opens what was sealed, on the host it was sealed for.
 * @param expected the opener's own name, and as much as it knows of the rest
 * @throws SealRefused (LF1113) when it was sealed to another key or for another host, worker or epoch, or is damaged
 */
export function openSealedForHost(
  hostSecretKey: Uint8Array,
  expected: { readonly host: string; readonly address?: Address; readonly epoch?: number },
  sealed: string,
  cargo: Cargo = "secret",
): OpenedSecret {
  const bytes = fromBase64(sealed, "base64");
  const opened = bytes && openSealed(hostSecretKey, purposeOf(cargo), bytes);
  if (opened === undefined) throw new SealRefused("it is damaged or was sealed to another key");
  const { payload } = opened;
  try {
    const { host, epoch, address } = contextSchema.parse(JSON.parse(opened.context));
    if (!equalTexts(host, expected.host)) throw new SealRefused(`it is for host "${host}", not "${expected.host}"`);
    if (expected.address !== undefined && !equalTexts(address, expected.address))
      throw new SealRefused(`it is for worker ${address}, not ${expected.address}`);
    if (expected.epoch !== undefined && epoch !== expected.epoch)
      throw new SealRefused(`it is for epoch ${epoch}, not ${expected.epoch}`);
    return { host, epoch, address, payload };
  } catch (error) {
    payload.fill(0);
    throw error instanceof SealRefused ? error : new SealRefused("this version does not know its form");
  }
}

const contextSchema = z.strictObject({
  host: z.string().min(1),
  epoch: z.number().int().positive(),
  address: addressSchema,
});

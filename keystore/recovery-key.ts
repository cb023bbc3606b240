import nacl from "tweetnacl";
import { z } from "zod";
import { FleetError } from "../schema/errors.js";
import type { Hex } from "../schema/units.js";
import { RecoveryKeyUnusable } from "./errors.js";
import { newSealKey, type SealKeyPair } from "./sealed-box.js";

/**
 * A key pair to back records up to. The public half may lie anywhere; the secret half is the operator's last resort and belongs offline:
 * it is all that is needed to restore every worker that was backed up to it.
 */
export const newRecoveryKey = (): SealKeyPair => newSealKey();

/**
 * The public half as it stands in a config: 64 hex digits, with or without 0x.
 * @throws RecoveryKeyUnusable (LF1114), also for the few points of the curve to which everybody could open what is sealed (RFC 7748 §6.1)
 */
export function parseRecoveryKey(text: string): Uint8Array {
  const digits = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text.trim())?.[1];
  if (digits === undefined) throw new RecoveryKeyUnusable("public", "it is not 64 hex digits");
  const key = Uint8Array.from(Buffer.from(digits, "hex"));
  if (nacl.scalarMult(nacl.randomBytes(32), key).every((byte) => byte === 0))
    throw new RecoveryKeyUnusable("public", "anybody could open what is sealed to it");
  return key;
}

/** A public half in its only spelling. */
export const recoveryKeyText = (key: Uint8Array): Hex => `0x${Buffer.from(key).toString("hex")}`;

/**
 * The secret half as its file holds it. The caller zeroes it.
 * @throws RecoveryKeyUnusable (LF1114), which never repeats what it was given
 */
export function parseRecoverySecret(content: Uint8Array): Uint8Array {
  const digits = /^\s*(?:0x)?([0-9a-fA-F]{64})\s*$/.exec(new TextDecoder().decode(content))?.[1];
  if (digits === undefined) throw new RecoveryKeyUnusable("secret", "it is not 64 hex digits");
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

/** A public half at an edge, as {@link parseRecoveryKey} reads it, in its only spelling. */
export const recoveryKeySchema = z.string().transform((text, context): Hex => {
  try {
    return recoveryKeyText(parseRecoveryKey(text));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    context.addIssue({ code: "custom", message: error.summary });
    return z.NEVER;
  }
});

import { bytesToHex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { InvalidPrivateKey } from "./errors.js";
import type { TreasuryRecord } from "./store.js";

/**
 * The record of a treasury whose key the operator already has.
 * @param key content of a key file: 64 hex digits with or without 0x, and white space around them. The caller zeroes it.
 * @throws InvalidPrivateKey (LF1112), which never repeats what it was given
 */
export function importTreasury(
  treasury: { readonly chainId: number; readonly name: string },
  key: Uint8Array,
): TreasuryRecord {
  const signingKey = parsePrivateKey(key);
  let address;
  try {
    address = privateKeyToAddress(bytesToHex(signingKey));
  } catch {
    throw new InvalidPrivateKey("it is zero, or too large for the curve");
  }
  return { kind: "treasury", chainId: treasury.chainId, name: treasury.name, signingKey, address, sent: [] };
}

function parsePrivateKey(content: Uint8Array): Uint8Array {
  const match = /^\s*(?:0x)?([0-9a-fA-F]{64})\s*$/.exec(new TextDecoder().decode(content));
  if (match?.[1] === undefined) throw new InvalidPrivateKey("it is not 64 hex digits");
  return Uint8Array.from(Buffer.from(match[1], "hex"));
}

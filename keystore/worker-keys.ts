import { createECDH } from "node:crypto";
import { getAddress, bytesToHex } from "viem";
import { publicKeyToAddress } from "viem/accounts";
import type { Address } from "../schema/units.js";
import type { WorkerRecord } from "./store.js";

/** What a new worker's record has to know beside its keys. */
export interface NewWorker {
  readonly chainId: number;
  readonly workerRegistry: Address;
  readonly name: string;
  /** Where everything goes in the end; fixed from now on. */
  readonly refundTo: Address;
}

/**
 * Makes a worker's two keys, secp256k1 to sign and P-256 to open session keys (contracts reference §2), and the record that holds them. Nothing of
 * it is registered, held by a host or sent yet.
 */
export function generateWorkerRecord(worker: NewWorker): WorkerRecord {
  const signing = newKey("secp256k1");
  const encryption = newKey("prime256v1");
  return {
    kind: "worker",
    chainId: worker.chainId,
    workerRegistry: getAddress(worker.workerRegistry),
    name: worker.name,
    signingKey: signing.privateKey,
    encryptionKey: encryption.privateKey,
    address: publicKeyToAddress(bytesToHex(signing.publicKey)),
    encryptionPublicKey: bytesToHex(encryption.publicKey),
    refundTo: getAddress(worker.refundTo),
    generation: 0,
    leaving: false,
    epoch: 0,
    holder: null,
    registeredAt: null,
    sent: [],
    archived: null,
  };
}

/** A key pair on a curve: 32 bytes of private scalar, 65 of uncompressed point (0x04, x, y). */
function newKey(curve: "secp256k1" | "prime256v1"): { privateKey: Uint8Array; publicKey: Uint8Array } {
  const pair = createECDH(curve);
  const publicKey = Uint8Array.from(pair.generateKeys());
  const scalar = pair.getPrivateKey(); // shorter than 32 bytes when it begins with zeros
  const privateKey = new Uint8Array(32);
  privateKey.set(scalar, 32 - scalar.length);
  scalar.fill(0);
  return { privateKey, publicKey };
}

import { bytesToHex, type TransactionSerializableEIP4844, type TransactionSerializableLegacy } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { SignableTransaction, Signer } from "./store.js";

/**
 * Signs with a key in this process. Signatures are deterministic (RFC 6979) with low s; legacy transactions carry the chain id (EIP-155).
 * @param privateKey 32 bytes; copied, so the caller may zero its own
 */
export function createLocalSigner(privateKey: Uint8Array): Signer {
  const account = privateKeyToAccount(bytesToHex(privateKey));
  return {
    address: account.address,
    signTransaction: (transaction) => account.signTransaction(serializable(transaction)),
    signMessage: (message) => account.signMessage({ message: { raw: message } }),
  };
}

function serializable(
  transaction: SignableTransaction,
): TransactionSerializableLegacy | TransactionSerializableEIP4844 {
  switch (transaction.type) {
    case "legacy":
      return transaction;
    case "eip4844":
      return { ...transaction, sidecars: false };
  }
}

import { keccak256, toHex } from "viem";
import type { PurposeId, SentTx } from "../../../lifecycle/types.js";
import type { JournalIdentity } from "../../../sidecar/journal/sqlite-journal.js";

export const identity: JournalIdentity = {
  chainId: 8200,
  jobRegistry: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7",
  worker: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
};

/** Signed bytes as they are recorded: a plain one unless said otherwise, its hash made of nonce and purpose. */
export function sentTx(
  fields: { purpose?: string; nonce?: number; variant?: number; raw?: SentTx["raw"]; lane?: SentTx["lane"] } = {},
): SentTx {
  const { purpose = "8200/w/ack/g1/1", nonce = 0, variant = 0, raw = "0x01", lane = "plain" } = fields;
  return {
    purpose: purpose as PurposeId,
    from: identity.worker,
    nonce,
    hash: keccak256(toHex(`${purpose} ${nonce} ${variant}`)),
    raw,
    lane,
    outcome: "open",
    mined: null,
  };
}

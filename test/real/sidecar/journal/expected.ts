import { createHash } from "node:crypto";
import { keccak256, toHex } from "viem";
import type { PurposeId, SentTx } from "../../../../lifecycle/types.js";
import type { JournalIdentity } from "../../../../sidecar/journal/sqlite-journal.js";

export const identity: JournalIdentity = {
  chainId: 8200,
  jobRegistry: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7",
  worker: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
};

/** The ciphertext of a job, of a few pages so that a torn write would show. */
export const answerTo = (job: bigint): Uint8Array =>
  new Uint8Array(Buffer.concat(Array<Buffer>(300).fill(createHash("sha256").update(job.toString()).digest())));

/** The signed bytes of a job. */
export const sentTxOf = (job: bigint): SentTx => ({
  purpose: `8200/w/complete/g1/${job}` as PurposeId,
  from: identity.worker,
  nonce: Number(job),
  hash: keccak256(toHex(job.toString())),
  raw: toHex(answerTo(job)),
  lane: "plain",
  outcome: "open",
  mined: null,
});

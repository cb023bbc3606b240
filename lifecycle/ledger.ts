import { VersionConflict } from "../keystore/errors.js";
import { createLocalSigner } from "../keystore/local-signer.js";
import { wipeRecord } from "../keystore/record-codec.js";
import type { RecordRef, SecretRecord, SecretStore, SignableTransaction, StoredTx } from "../keystore/store.js";
import { wei, type Address, type Hash, type Hex } from "../schema/units.js";
import { PlanStale } from "./errors.js";
import { condensed, isFormer, type OverUntil, type PaymentLists } from "./former-payments.js";
import type { PurposeId, SentTx } from "./types.js";

/** What was sent with one key, as the key's own record tells, and the key itself to sign with. */
export interface Ledger {
  readonly address: Address;
  /** Everything, oldest first. */
  sent(): Promise<readonly SentTx[]>;
  /**
   * Writes down a transaction that is about to be sent, unless its purpose has another nonce by now, or its nonce another purpose: of a store that several machines use, no lock
   * keeps them out of one another's time.
   * @throws PlanStale LF1235
   */
  append(tx: SentTx): Promise<void>;
  /** Puts the payments of a treasury that are over for good together; see `former-payments.ts`. */
  condense(until: OverUntil): Promise<void>;
  /** Writes down what became of transactions. */
  decide(outcomes: ReadonlyMap<Hash, Pick<SentTx, "outcome" | "mined">>): Promise<void>;
  sign(transaction: SignableTransaction): Promise<Hex>;
}

/** Opens the ledger of a record. The key is in memory only while something is signed. */
export async function openLedger(store: SecretStore, ref: RecordRef): Promise<Ledger> {
  const kind = ref.startsWith("worker/") ? "worker" : "treasury";
  const use = async <T>(work: (record: SecretRecord) => Promise<T>): Promise<T> => {
    const { record } = await store.read(ref, kind);
    try {
      return await work(record);
    } finally {
      wipeRecord(record);
    }
  };
  /** @param patch answers with nothing where the record is as it should be already */
  const change = async (patch: (record: SecretRecord) => PaymentLists | undefined): Promise<void> => {
    for (;;) {
      const { version, record } = await store.read(ref, kind);
      try {
        const patched = patch(record);
        if (patched !== undefined) await store.update(ref, version, { ...record, ...patched });
        return;
      } catch (error) {
        if (!(error instanceof VersionConflict)) throw error; // somebody changed another part of the record
      } finally {
        wipeRecord(record);
      }
    }
  };

  /** Every transaction that was there when it was last looked: what is sent now was decided on with these in sight. */
  let seen: ReadonlySet<Hash> = new Set();
  return {
    address: await use(async (record) => record.address),
    sent: () =>
      use(async ({ sent }) => {
        seen = new Set(sent.map(({ hash }) => hash));
        return sent.map(fromStored);
      }),
    append: async (tx) => {
      await change((record) => {
        const { sent } = record;
        const isListed = sent.some(({ purpose }) => purpose === tx.purpose);
        const isOver = record.kind === "treasury" && !isListed && isFormer(tx.purpose, record.former);
        if (isOver || sent.some((other) => excludes(other, tx, seen))) throw new PlanStale(tx.purpose, tx.nonce);
        return sent.some(({ hash }) => hash === tx.hash) ? undefined : { sent: [...sent, tx] }; // two that decide alike sign the same bytes
      });
      seen = new Set([...seen, tx.hash]);
    },
    condense: (until) =>
      change((record) => {
        if (record.kind !== "treasury") return undefined;
        const short = condensed(record, until);
        return short.sent.length < record.sent.length ? short : undefined;
      }),
    decide: (outcomes) => change(({ sent }) => ({ sent: sent.map((tx) => ({ ...tx, ...outcomes.get(tx.hash) })) })),
    sign: (transaction) => use((record) => createLocalSigner(record.signingKey).signTransaction(transaction)),
  };
}

/**
 * Whether a transaction that is not dead leaves no room for another one. A purpose has one nonce; and a nonce that was taken in the meantime is not taken away again, whereas
 * that of one which the network has lost may be. Pure.
 */
const excludes = (
  { purpose, nonce, outcome, hash }: StoredTx,
  tx: Pick<SentTx, "purpose" | "nonce">,
  seen: ReadonlySet<string>,
): boolean =>
  (outcome === "open" || outcome === "mined") &&
  (purpose === tx.purpose ? nonce !== tx.nonce : nonce === tx.nonce && !seen.has(hash));

/** A stored transaction with the branded types of this folder. */
export const fromStored = (tx: StoredTx): SentTx => ({
  ...tx,
  purpose: tx.purpose as PurposeId,
  mined: tx.mined === null ? null : { block: tx.mined.block, fee: wei(tx.mined.fee) },
});

import { z } from "zod";
import { addressSchema, networkSchema } from "../../schema/network.js";
import { recoveryKeySchema } from "../../keystore/recovery-key.js";
import type { RecordRef, SecretStore, WorkerRecord } from "../../keystore/store.js";
import { generateWorkerRecord } from "../../keystore/worker-keys.js";
import { openStoreHere, withRecordLock } from "../context.js";
import { keptUnarchived } from "../chain/silent-chain.js";
import { implement } from "../implementation.js";
import { tell } from "../tell.js";
import { keptArchived } from "./kept.js";
import { proveEmpty } from "./last-net.js";
import { RefundToChanged } from "./refund-to.js";

const inputs = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "letters, digits and dashes, at most 63"),
  network: networkSchema,
  store: z.string().min(1),
  refundTo: addressSchema,
  recoveryKey: recoveryKeySchema.optional(),
});
const computed = z.object({
  address: addressSchema,
  encryptionPublicKey: z.string(),
  ref: z.string(),
  /** Where the store keeps a backup by itself; empty: it keeps none. */
  backup: z.string().default(""),
});

const refOf = (state: z.infer<typeof inputs>): RecordRef => `worker/${state.network.chainId}/${state.name}`;

/** Keys are made once and found again ever after: a second create, also after an archive, takes up the record that is there. */
export const keys = implement({
  inputs,
  computed,
  identity: ["name", "store", "network.chainId"],
  turnOf: (state) => ({ store: state.store, ref: refOf(state) }),
  create: async (wanted) => {
    const store = openStoreHere(wanted.store);
    const ref = refOf(wanted);
    const record = await withRecordLock(store, ref, async () => {
      if (!(await store.has(ref))) {
        const fresh = generateWorkerRecord({
          chainId: wanted.network.chainId,
          workerRegistry: wanted.network.contracts.workerRegistry,
          name: wanted.name,
          refundTo: wanted.refundTo,
        });
        return (await store.create(ref, backedUpTo(wanted.recoveryKey, fresh))).record;
      }
      const found = await store.read(ref, "worker");
      checkRefund(found.record, wanted.refundTo);
      const changed = backedUpTo(wanted.recoveryKey, { ...found.record, archived: null });
      if (found.record.archived === null && found.record.recoveryKey === changed.recoveryKey) return found.record;
      return (await store.update(ref, found.version, changed)).record;
    });
    return { id: `${wanted.network.chainId}:${record.address}`, computed: publicPart(store, ref, record) };
  },
  update: async (news, olds) => {
    const ref = refOf(olds);
    const store = openStoreHere(news.store);
    return withRecordLock(store, ref, async () => {
      const { record, version } = await store.read(ref, "worker");
      checkRefund(record, news.refundTo);
      const changed = backedUpTo(news.recoveryKey, record);
      if (changed.recoveryKey !== record.recoveryKey) await store.update(ref, version, changed);
      return publicPart(store, ref, changed);
    });
  },
  read: async (state) => {
    const store = openStoreHere(state.store);
    const ref = refOf(state);
    if (!(await store.has(ref))) return undefined;
    return publicPart(store, ref, (await store.read(ref, "worker")).record);
  },
  delete: async (state) => {
    const store = openStoreHere(state.store);
    const ref = refOf(state);
    if (!(await store.has(ref))) return;
    const leaver = { store, ref, network: state.network };
    const proof = await proveEmpty(leaver);
    if (proof === undefined) return tell([keptUnarchived(state.name, leaver)]);
    await store.archive(ref, proof);
    const kept = await store.kept(ref);
    if (kept !== null) tell([keptArchived(state.name, kept)]);
  },
});

function checkRefund(record: WorkerRecord, asked: string): void {
  if (record.refundTo !== asked) throw new RefundToChanged(record.name, record.refundTo, asked);
}

/** The record with the recovery key that the config names, or with none. */
function backedUpTo(wanted: WorkerRecord["recoveryKey"], record: WorkerRecord): WorkerRecord {
  const { recoveryKey, ...others } = record;
  if (wanted === recoveryKey) return record;
  return wanted === undefined ? others : { ...others, recoveryKey: wanted };
}

const publicPart = (store: SecretStore, ref: RecordRef, record: WorkerRecord): z.infer<typeof computed> => ({
  address: record.address,
  encryptionPublicKey: record.encryptionPublicKey,
  ref,
  backup: record.recoveryKey === undefined ? "" : store.backupPath(ref),
});

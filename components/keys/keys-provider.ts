import { z } from "zod";
import { addressSchema, networkSchema } from "../../schema/network.js";
import type { RecordRef, WorkerRecord } from "../../keystore/store.js";
import { generateWorkerRecord } from "../../keystore/worker-keys.js";
import { openStoreHere, withRecordLock } from "../context.js";
import { implement } from "../implementation.js";
import { proveEmpty } from "./last-net.js";
import { RefundToChanged } from "./refund-to.js";

const inputs = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "letters, digits and dashes, at most 63"),
  network: networkSchema,
  store: z.string().min(1),
  refundTo: addressSchema,
});
const computed = z.object({
  address: addressSchema,
  encryptionPublicKey: z.string(),
  ref: z.string(),
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
        return (await store.create(ref, fresh)).record;
      }
      const found = await store.read(ref, "worker");
      checkRefund(found.record, wanted.refundTo);
      if (found.record.archived === null) return found.record;
      return (await store.update(ref, found.version, { ...found.record, archived: null })).record;
    });
    return { id: `${wanted.network.chainId}:${record.address}`, computed: publicPart(ref, record) };
  },
  update: async (news, olds) => {
    const ref = refOf(olds);
    const { record } = await openStoreHere(news.store).read(ref, "worker");
    checkRefund(record, news.refundTo);
    return publicPart(ref, record);
  },
  read: async (state) => {
    const store = openStoreHere(state.store);
    const ref = refOf(state);
    if (!(await store.has(ref))) return undefined;
    return publicPart(ref, (await store.read(ref, "worker")).record);
  },
  delete: async (state) => {
    const store = openStoreHere(state.store);
    const ref = refOf(state);
    if (!(await store.has(ref))) return;
    const proof = await proveEmpty(store, ref, state.network);
    if (proof !== undefined) await store.archive(ref, proof);
  },
});

function checkRefund(record: WorkerRecord, asked: string): void {
  if (record.refundTo !== asked) throw new RefundToChanged(record.name, record.refundTo, asked);
}

const publicPart = (ref: RecordRef, record: WorkerRecord): z.infer<typeof computed> => ({
  address: record.address,
  encryptionPublicKey: record.encryptionPublicKey,
  ref,
});

import type { RecordRef } from "../../../keystore/store.js";
import { openStoreHere } from "../../context.js";
import { RefundToChanged } from "../../keys/refund-to.js";
import type { Check } from "./check.js";
import type { ResolvedWorker } from "../resolve.js";

/** The record of a worker's keys within its store. */
export const workerRef = (worker: ResolvedWorker): RecordRef => `worker/${worker.network.chainId}/${worker.name}`;

/** Whether the secrets can be opened, and still pay back to where the operator says. */
export const keyChecks: readonly Check[] = [
  {
    name: "worker's keys",
    run: async (worker) => {
      const store = openStoreHere(worker.store);
      if (!(await store.has(workerRef(worker)))) return undefined;
      const { record } = await store.read(workerRef(worker), "worker");
      if (record.refundTo !== worker.refundTo) throw new RefundToChanged(worker.name, record.refundTo, worker.refundTo);
      return undefined;
    },
  },
  {
    name: "backup",
    run: async ({ recoveryKey }) =>
      recoveryKey === undefined
        ? "no backup is kept: without a recoveryKey the stake is lost with the disk that holds the keys"
        : undefined,
  },
  {
    name: "treasury's key",
    run: async (worker) => {
      await openStoreHere(worker.treasury.store).read(worker.treasury.ref, "treasury");
      return undefined;
    },
  },
];

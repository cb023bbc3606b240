import type { WorkerRecord } from "../../keystore/store.js";
import { sealForHost } from "../../keystore/sealing.js";
import type { HostFacts } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import type { WorkerSecret } from "../../schema/secrets.js";
import type { Host } from "../host/host.js";

/** Seals a worker's keys to its holder's host, under the record's epoch. */
export async function sealTo(machine: Host, facts: HostFacts, worker: string, record: WorkerRecord): Promise<void> {
  const host = machine.reference.name;
  const { address, epoch } = record;
  const secret: WorkerSecret = {
    version: 1,
    chainId: record.chainId,
    workerRegistry: record.workerRegistry,
    address,
    signingKey: `0x${Buffer.from(record.signingKey).toString("hex")}`,
    encryptionKey: `0x${Buffer.from(record.encryptionKey).toString("hex")}`,
    refundTo: record.refundTo,
    host,
    epoch,
    leaving: record.leaving,
    generation: record.generation,
  };
  const payload = Buffer.from(toJson(secret));
  try {
    const sealed = sealForHost({ hostPublicKey: Buffer.from(facts.sealKey, "hex"), host, epoch, address }, payload);
    await machine.call("seal", { worker, address, epoch, sealed });
  } finally {
    payload.fill(0);
  }
}

import { open } from "../../protocol/envelope.js";
import { ciphertextHash } from "../../protocol/signature.js";
import type { JobId } from "../../schema/units.js";
import type { Simulation } from "./simulation.js";

/** What must hold of the world at any time, however often the sidecar died; empty when it does. */
export function violations(sim: Simulation): string[] {
  const wrong: string[] = [];
  const { world, gateway, signed } = sim;
  const perPurpose = new Map<string, number>();
  for (const { call, mined } of world.mined)
    if (mined?.status === "success") perPurpose.set(call.purpose, (perPurpose.get(call.purpose) ?? 0) + 1);
  for (const [purpose, count] of perPurpose) if (count > 1) wrong.push(`${purpose} was mined ${count} times`);

  const distinct = new Set(signed);
  if (distinct.size > world.jobs.size) wrong.push(`${distinct.size} answers were signed for ${world.jobs.size} jobs`);
  for (const id of world.jobs.keys()) wrong.push(...violationsOf(sim, id));
  const delivered = new Set(gateway.completes.map(({ payload }) => ciphertextHash(payload)));
  if (delivered.size > world.jobs.size) wrong.push("two different answers were delivered for one job");
  return wrong;
}

function violationsOf({ world, gateway }: Simulation, id: JobId): string[] {
  const wrong: string[] = [];
  const name = `job ${id.toString()}`;
  const job = world.jobs.get(id)!;
  const delivered = new Set(
    gateway.completes.filter((frame) => frame.job === id).map(({ payload }) => ciphertextHash(payload)),
  );
  if (delivered.size > 1) wrong.push(`${name} was delivered with ${delivered.size} different answers`);
  if (job.responseCiphertextHash === null) return wrong;
  const [hash] = delivered;
  if (hash !== undefined && hash !== job.responseCiphertextHash)
    wrong.push(`${name} was delivered with other bytes than it committed to`);
  const blob = world.blobs.get(job.responseBlobHash!);
  if (blob === undefined) return [...wrong, `${name} was completed without its blob`];
  if (ciphertextHash(blob.payload) !== job.responseCiphertextHash) wrong.push(`${name} has other bytes in its blob`);
  if (job.completionBlockNumber! < blob.block) wrong.push(`${name} was completed before its blob was mined`);
  try {
    open(world.key(job.sessionId), blob.payload);
  } catch {
    wrong.push(`${name} has an answer that does not open`);
  }
  return wrong;
}

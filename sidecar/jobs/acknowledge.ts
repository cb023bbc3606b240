import type { Job } from "../../abi/job.js";
import type { JobId, ModelName } from "../../schema/units.js";
import type { JobContext } from "./context.js";
import { CallReverted } from "../failures.js";
import { answeredElsewhere, tooLate } from "./endings.js";
import { patiently } from "./patience.js";
import { isCompleted, type JobReader } from "./standing.js";

/**
 * Sees to it that the chain has our acknowledgement, and returns the job as it is then: its deadline is now that of the completion. Nothing is sent when the
 * chain has it already; the same purpose never sends a second one.
 * @throws JobEnds when the time for it is over, or another run under the same key has acknowledged it: that one answers
 */
export async function acknowledge(
  context: JobContext,
  reader: JobReader,
  job: { readonly id: JobId; readonly model: ModelName },
  signal: AbortSignal,
): Promise<Job> {
  const { ports, time, clock, metrics } = context;
  const startedMs = clock.now();
  const acknowledged = await patiently(context, `acknowledging job ${job.id.toString()}`, signal, async () => {
    const before = await reader.read(job.id);
    if (isCompleted(before)) return before;
    if (before.state === "Acknowledged") {
      if (await isOurs(context, job.id, signal)) return before;
      throw answeredElsewhere();
    }
    if (time.msUntil(before.deadline) < 0) throw tooLate("the time to acknowledge it is over");
    const limit = time.deadline(before.deadline, 0, signal);
    const mined = await ports.transactions
      .send(context.calls.acknowledge(job.id), limit.signal, "job")
      .finally(() => limit.end());
    const after = await reader.read(job.id);
    if (after.state === "Submitted") throw new Error("the chain does not have the acknowledgement yet");
    if (mined.status === "reverted" && !isCompleted(after)) throw answeredElsewhere();
    return after;
  });
  metrics.stageDone("ack", job.model, "ok", (clock.now() - startedMs) / 1_000);
  return acknowledged;
}

/** Whether the acknowledgement that the chain has is one of ours: bytes that this journal holds, and not those of another run under the same key. */
async function isOurs({ journal, ports, calls }: JobContext, id: JobId, signal: AbortSignal): Promise<boolean> {
  const call = calls.acknowledge(id);
  const sent = journal.sentFor(call.purpose);
  if (sent.some(({ outcome }) => outcome === "mined")) return true;
  if (!sent.some(({ outcome }) => outcome === "open")) return false;
  try {
    return (await ports.transactions.send(call, signal, "job")).status === "success"; // follows what is open
  } catch (error) {
    if (error instanceof CallReverted) return false; // ours are dead, and another is not wanted
    throw error;
  }
}

import type { BlockRef } from "../../lifecycle/types.js";
import type { Parts } from "../parts.js";
import type { JobSeen } from "../ports.js";

/** Blocks looked at again with each head: a reorganisation may put a job into a block that was read already. */
const overlapBlocks = 16n;

/** Finds jobs of ours and writes them down, each once. */
export interface JobIntake {
  /** Reads up to this head; the cursor moves only over what was written down. */
  read(head: BlockRef): Promise<void>;
}

/** @param take is told of each job that is new here */
export function createJobIntake(
  parts: Pick<Parts, "ports" | "journal" | "settings" | "log">,
  take: (job: JobSeen) => void,
): JobIntake {
  const { ports, journal, settings, log } = parts;

  const write = async (seen: JobSeen): Promise<void> => {
    if (journal.job(seen.job) !== undefined) return;
    const onChain = await ports.chain.job(seen.job);
    if (onChain.state !== "Submitted" && onChain.state !== "Acknowledged") return; // from before this journal, and over
    const { modelId } = await ports.chain.session(seen.session);
    journal.see({ id: seen.job, session: seen.session, model: modelId, submitBlock: onChain.submitBlockNumber });
    log.info({ job: seen.job.toString(), session: seen.session.toString(), block: seen.block.toString() }, "job seen");
    take(seen);
  };
  return {
    read: async (head) => {
      const cursor = journal.cursor("jobs");
      const lookback = BigInt(settings.chain.claimLookbackBlocks);
      const from =
        cursor === undefined ? below(head.number, lookback) : below(minimum(cursor, head.number) + 1n, overlapBlocks);
      for (const seen of await ports.chain.jobsBetween(from, head.number)) await write(seen);
      if (cursor === undefined || head.number > cursor) journal.moveCursor("jobs", head.number);
    },
  };
}

const below = (block: bigint, by: bigint): bigint => (block > by ? block - by : 0n);
const minimum = (a: bigint, b: bigint): bigint => (a < b ? a : b);

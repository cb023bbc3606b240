import type { BlockRef } from "../../lifecycle/types.js";
import type { Job } from "../../abi/job.js";
import type { Parts } from "../parts.js";
import type { JobOffer, JobSeen } from "../ports.js";
import { isCompleted, jobIfThere } from "./standing.js";

/** Blocks looked at again with each head: a reorganisation may put a job into a block that was read already. */
const overlapBlocks = 16n;

/** What the chain says of a job that somebody else told of. */
export type OfferStanding =
  /** It is ours, and written down. */
  | { readonly kind: "ours" }
  /** It was ours before this journal; `why: null` when it was answered. */
  | { readonly kind: "over"; readonly why: string | null }
  /** Another worker's, or of another session than was said. */
  | { readonly kind: "foreign"; readonly why: string }
  /** The chain does not have it, yet. */
  | { readonly kind: "absent" };

/** Finds jobs of ours and writes them down, each once, whether the chain or the dispatcher tells of them first. */
export interface JobIntake {
  /** Reads up to this head; the cursor moves only over what was written down. */
  read(head: BlockRef): Promise<void>;
  /** Checks an offered job against the chain and, if it is ours, writes it down. */
  offered(offer: JobOffer): Promise<OfferStanding>;
}

/** @param take is told of each job that is new here */
export function createJobIntake(
  parts: Pick<Parts, "ports" | "journal" | "settings" | "identity" | "log">,
  take: (job: Pick<JobSeen, "job">) => void,
): JobIntake {
  const { ports, journal, settings, identity, log } = parts;

  const write = async ({ job, session }: Pick<JobSeen, "job" | "session">, onChain: Job): Promise<void> => {
    const { modelId } = await ports.chain.session(session);
    const { submitBlockNumber: submitBlock } = onChain;
    if (!journal.see({ id: job, session, model: modelId, submitBlock })) return; // told of twice in the same moment
    log.info({ job: job.toString(), session: session.toString(), block: submitBlock.toString() }, "job seen");
    take({ job });
  };
  return {
    read: async (head) => {
      const cursor = journal.cursor("jobs");
      const lookback = BigInt(settings.chain.claimLookbackBlocks);
      const from =
        cursor === undefined ? below(head.number, lookback) : below(minimum(cursor, head.number) + 1n, overlapBlocks);
      for (const seen of await ports.chain.jobsBetween(from, head.number)) {
        if (journal.job(seen.job) !== undefined) continue;
        const onChain = await ports.chain.job(seen.job);
        if (isOpen(onChain)) await write(seen, onChain); // others are from before this journal, and over
      }
      if (cursor === undefined || head.number > cursor) journal.moveCursor("jobs", head.number);
    },
    offered: async ({ job, session }) => {
      if (journal.job(job) !== undefined) return { kind: "ours" };
      const onChain = await jobIfThere(ports.chain, job);
      if (onChain === undefined) return { kind: "absent" };
      if (onChain.worker !== identity.worker) return { kind: "foreign", why: "it belongs to another worker" };
      if (onChain.sessionId !== session) return { kind: "foreign", why: "it belongs to another session" };
      if (!isOpen(onChain))
        return { kind: "over", why: isCompleted(onChain) ? null : `on the chain it is ${onChain.state}` };
      await write({ job, session }, onChain);
      return { kind: "ours" };
    },
  };
}

const isOpen = ({ state }: Job): boolean => state === "Submitted" || state === "Acknowledged";
const below = (block: bigint, by: bigint): bigint => (block > by ? block - by : 0n);
const minimum = (a: bigint, b: bigint): bigint => (a < b ? a : b);

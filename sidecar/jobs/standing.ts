import { zeroAddress } from "viem";
import { isRevert } from "../../abi/revert.js";
import type { Job } from "../../abi/job.js";
import type { JobId } from "../../schema/units.js";
import type { Parts } from "../parts.js";
import type { Chain } from "../ports.js";
import { lost } from "./endings.js";

/** A reorganisation may take a job off the chain for a while; it is not given up before this many ms. */
const vanishedForMs = 600_000;

/** Reads a job that was seen as ours. */
export interface JobReader {
  /** @throws JobEnds when it is another worker's, or over on chain without having been completed */
  read(id: JobId): Promise<Job>;
}

/** A reader that remembers since when a job has been missing. */
export function createJobReader(parts: Pick<Parts, "ports" | "identity" | "clock">): JobReader {
  const { ports, identity, clock } = parts;
  const goneSince = new Map<JobId, number>();
  return {
    read: async (id) => {
      const job = await jobIfThere(ports.chain, id);
      if (job === undefined) {
        const since = goneSince.get(id) ?? clock.now();
        goneSince.set(id, since);
        if (clock.now() - since > vanishedForMs) throw lost("it is not on the chain any more");
        throw new Error(`job ${id.toString()} is not on the chain`);
      }
      goneSince.delete(id);
      if (job.worker !== identity.worker) throw lost("it belongs to another worker");
      if (job.state === "TimedOut") throw lost("the chain has timed it out");
      return job;
    },
  };
}

/** A job, or `undefined` where the chain has none of this id. */
export async function jobIfThere(chain: Pick<Chain, "job">, id: JobId): Promise<Job | undefined> {
  try {
    const job = await chain.job(id);
    return job.worker === zeroAddress ? undefined : job;
  } catch (error) {
    if (isRevert(error, "JobNotFound")) return undefined;
    throw error;
  }
}

/** Completed, and whatever follows from that: nothing is left to be done for the answer. */
export const isCompleted = (job: Job): boolean =>
  job.state === "Completed" || job.state === "Disputed" || job.state === "Resolved" || job.state === "Released";

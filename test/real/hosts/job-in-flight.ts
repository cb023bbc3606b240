import { expect } from "vitest";
import { jobStateOf } from "../../../abi/job.js";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import type { PendingJob } from "../../../devnet/consumer/follow.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../schema/units.js";
import { fault, until } from "../e2e/adversity/troubles.js";

/** Who asks, and whom. */
export interface Asking {
  readonly consumer: Consumer;
  readonly stage: Pick<Stage, "client" | "contracts">;
  readonly model: string;
  readonly worker: Address;
  /** Address of the rehearsal network's control API. */
  readonly control: string;
}

/** A job that the worker has acknowledged, and whose answer is in no block until it is let go. */
export interface JobInFlight {
  /** As the chain has it. */
  state(): Promise<string>;
  letGo(): Promise<void>;
}

/** Asks, has the work done while the job is in flight, and holds the worker to a verified answer in the end. */
export async function jobInFlight(asking: Asking, work: (job: JobInFlight) => Promise<void>): Promise<void> {
  const { consumer, stage, model, worker, control } = asking;
  const held = fault(control, { part: "chain", kind: "withhold", match: { from: worker, type: "blob" } });
  const session = await consumer.requestSession(model);
  await held.begin();
  let pending: PendingJob;
  try {
    pending = await consumer.submit(session, "Tell me about the mountain.");
    const state = () => stateOf(stage, pending);
    await until("an acknowledged job", async () => (await state()) === "Acknowledged");
    await work({ state, letGo: () => held.end() });
  } finally {
    await held.end();
  }
  expect((await consumer.follow(pending)).verified).toBe("verified");
  await consumer.closeSession(session);
}

/** A session, a job, a verified answer. */
export async function answered({ consumer, model }: Pick<Asking, "consumer" | "model">): Promise<void> {
  const session = await consumer.requestSession(model);
  expect((await consumer.ask(session, "Tell me about the river.")).verified).toBe("verified");
  await consumer.closeSession(session);
}

/** What the chain says of a job that is as good as paid. */
export const isAnswered = async ({ state }: Pick<JobInFlight, "state">): Promise<boolean> =>
  ["Completed", "Released"].includes(await state());

/** Whether the sidecar that was last asked to end with a job in flight completed it before another one began, by the sidecars' own log. Pure. */
export function completedFirst(log: string): boolean {
  const fromThen = log.slice(log.lastIndexOf('"jobs":1,')); // the only line with a number of jobs is that of its draining
  const [former = "", successor] = fromThen.split('"msg":"starting"');
  return former.includes('"msg":"draining"') && former.includes('"msg":"job completed"') && successor !== undefined;
}

async function stateOf({ client, contracts }: Asking["stage"], { jobId }: PendingJob): Promise<string> {
  const job = await client.readContract({
    address: contracts.jobRegistry,
    abi: jobRegistryAbi,
    functionName: "getJob",
    args: [jobId],
  });
  return jobStateOf(job.state);
}

import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { SidecarStatus } from "../../../schema/control.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { strike } from "../e2e/adversity/strike.js";
import { until, type Trouble } from "../e2e/adversity/troubles.js";
import type { Ground } from "../e2e/killed/ground.js";
import { answered, isAnswered, jobInFlight, type Asking } from "./job-in-flight.js";

/* What befalls a worker that serves, the same on every kind of host: each is played on a worker that is live, and leaves it so. */

/** A worker that serves, as its troubles see it. */
export interface Served {
  /** What the sidecar says of itself. */
  status(): Promise<SidecarStatus>;
  /** Whom a job of this model is asked of, and by whom. */
  asking(): Promise<Asking>;
}

/** One that a stack has set up. */
export interface ServedByStack extends Served {
  /** The stack as it is now. */
  readonly ground: Ground;
  /** Waits until the worker serves. */
  live(): Promise<void>;
}

/** Its disk is full: it stops to claim and says so, and goes on by itself when there is room. */
export async function throughFullDisk(served: Served, full: Trouble): Promise<void> {
  const { consumer, model, stage } = await served.asking();
  const known = async (): Promise<string[]> => (await served.status()).sessions.map(({ id }) => String(id));
  const before = await known();
  await full.begin();
  let opening: ReturnType<typeof consumer.requestSession>;
  try {
    await until("it says LF1404", async () => (await served.status()).trouble?.code === "LF1404");
    expect(await served.status()).toMatchObject({ mode: "live", claiming: false });
    opening = consumer.requestSession(model);
    opening.catch(() => undefined); // awaited below
    const { client } = stage;
    const head = await client.getBlockNumber({ cacheTime: 0 });
    await until("three blocks to claim in", async () => (await client.getBlockNumber({ cacheTime: 0 })) >= head + 3n);
    expect((await known()).filter((id) => !before.includes(id))).toEqual([]);
  } finally {
    await full.end();
  }
  await until("it claims again", async () => (await served.status()).claiming);
  const session = await opening;
  expect((await consumer.ask(session, "Tell me about the stars.")).verified).toBe("verified");
  await consumer.closeSession(session);
}

/**
 * Its network is cut while a job is in flight: an up in the meantime ends with one coded line. The worker comes back by itself and answers the job, and the same up converges.
 * @returns what the engine said
 */
export async function throughCut(served: ServedByStack, cut: Trouble, says: RegExp): Promise<string> {
  const { ground } = served;
  let said = "";
  await jobInFlight(await served.asking(), async (job) => {
    said = await strike(ground, "up", {
      what: "",
      trouble: () => ({ ...cut, begin: () => cut.begin().then(() => job.letGo()) }),
      says,
    });
    await until("the job is settled", () => isAnswered(job), 120);
  });
  await served.live();
  await ground.stage.engine.run("up");
  await served.live();
  expect(changed(await ground.stage.engine.run("up"))).toBe(0);
  return said;
}

/** Its secret is gone from its host, and it has nothing to start with: the next up seals the very same keys to it, and nothing is paid or staked again. */
export async function withoutItsSecret(
  served: ServedByStack,
  secret: { lose(): Promise<void>; isDown(): Promise<boolean> },
): Promise<void> {
  const { ground } = served;
  const [before, keys] = [await ground.count(), await keysOf(ground.stage)];
  await secret.lose();
  await until("it is down", () => secret.isDown());
  await ground.stage.engine.run("up");
  await served.live();
  expect(await ground.count()).toEqual({ ...before, balance: expect.any(BigInt) as bigint });
  expect(await keysOf(ground.stage)).toEqual(keys);
  await answered(await served.asking());
  expect(changed(await ground.stage.engine.run("up"))).toBe(0);
}

/** A worker's keys and their epoch, told apart without being shown. */
async function keysOf({ operator, workerRef }: Stage): Promise<unknown> {
  const { record } = await operator.store.read(workerRef, "worker");
  const { address, epoch, signingKey, encryptionKey } = record;
  const digest = createHash("sha256").update(signingKey).update(encryptionKey).digest("hex");
  return { address, epoch, digest };
}

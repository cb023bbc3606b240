import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import type { PendingJob } from "../../../devnet/consumer/follow.js";
import { until } from "../devnet/chain/harness.js";
import { model, prepareGround, type Ground } from "./kills/ground.js";

let ground: Ground;
let sessions: readonly ConsumerSession[];
beforeAll(async () => {
  ground = await prepareGround();
  sessions = [await ground.consumer.requestSession(model), await ground.consumer.requestSession(model)];
});
afterAll(() => ground.stop());

const logged = async (words: RegExp): Promise<boolean> => words.test(await ground.worker.log());
/** The time that a job has passes, and its consumer hears of it. */
const passes = async (pending: PendingJob, seconds: number): Promise<unknown> => {
  await ground.devnet.driver.advance(seconds);
  return ground.consumer.follow(pending).catch((error: unknown) => error);
};

test("an Ollama that dies in the middle of an answer fails the job by name; nothing is completed with half an answer", async () => {
  ground.ollama.pauseAfter(3);
  const pending = await ground.consumer.submit(sessions[0]!, "Tell me about the stars.");
  await ground.ollama.paused();
  await until(async () => (await ground.now()).job?.state === "acked");
  await ground.killOllama();
  ground.ollama.resume();
  const troubled = await ground.worker.until(({ trouble }) => trouble !== null, "in trouble");
  expect(troubled.trouble).toMatchObject({ code: "LF1430", fix: expect.stringContaining("Ollama runs") as string });

  expect(await passes(pending, 400)).toMatchObject({ code: "LF1031" });
  await until(() => logged(new RegExp(`"job":"${pending.jobId}".*"code":"LF147[23]".*job forfeited`)));
  expect((await ground.now()).open).toEqual([]);
});

test("a job that comes while Ollama is down is not acknowledged, and fails by name", async () => {
  const pending = await ground.consumer.submit(sessions[1]!, "Tell me about the stars.");
  await until(() => logged(new RegExp(`"job":"${pending.jobId}".*job seen`)));
  expect(await passes(pending, 200)).toMatchObject({
    code: "LF1031",
    message: expect.stringContaining("Submitted") as string,
  });
  await until(() =>
    logged(new RegExp(`"job":"${pending.jobId}".*"code":"LF1473".*down for all of its acknowledgement window`)),
  );
  const { transactions } = await ground.worker.call({ op: "status" });
  expect(transactions.filter(({ purpose }) => purpose.endsWith(`/acknowledge/g0/${pending.jobId}`))).toEqual([]);
});

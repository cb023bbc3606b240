import { Ollama } from "ollama";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import { openHost } from "../../../components/host/host.js";
import { ask } from "../../../components/service/status.js";
import { runningIn } from "../../../devnet/background.js";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { fleetHere } from "./fleet-command.js";
import { consumerOf, openRehearsal, processesIn, type Rehearsal } from "./rehearsal.js";

const [kept, removed] = ["tiny-poet:1b", "tiny-echo"] as const;
let rehearsal: Rehearsal;
let stage: Stage;
let consumer: Consumer;
let session: ConsumerSession;
let outputs: { worker: `0x${string}`; ollama: string };
beforeAll(async () => {
  rehearsal = await openRehearsal();
  stage = await stageWith(kept, removed);
  await stage.engine.run("up");
  outputs = outputsSchema.parse(await stage.engine.outputs());
  consumer = await consumerOf(stage.network, stage.accountsFile);
  session = await consumer.requestSession(removed);
}, 600_000);
afterAll(() => rehearsal.end());

/** The program with these models. */
async function stageWith(...names: readonly string[]): Promise<Stage> {
  const known = (await runningIn(rehearsal.folders.network))!.models;
  const models = names.map((name) => ({
    name,
    source: known.find((one) => one.name === name)!.pull,
    insecure: true,
  }));
  return prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, () => undefined, {
    models,
    tuning: { services: { lifecycleProbeMs: 500 } },
  });
}
const about = (functionName: "isEligible" | "workerSupportsModel", name: string): Promise<boolean> =>
  stage.client.readContract({
    address: stage.contracts.workerRegistry,
    abi: workerRegistryAbi,
    functionName: functionName as "isEligible", // they take and give the same
    args: [outputs.worker, modelIdOf(name)],
  });
const weights = async (): Promise<string[]> =>
  (await new Ollama({ host: outputs.ollama }).list()).models.map(({ name }) => name);
const serviceSays = async (name: string) => {
  const status = await ask(openHost({ kind: "local", name: "here", root: rehearsal.folders.host }), "home", {
    op: "status",
  });
  return status.models.find((one) => one.name === name) ?? expect.unreachable(`the sidecar does not know ${name}`);
};
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await systemClock.sleep(200)) if (await holds()) return;
  expect.unreachable("it did not come to hold within a minute");
}

test("a worker that serves has declared that it takes self-contained conversations, and nothing more", async () => {
  const declared = stage.client.readContract({
    address: stage.contracts.workerRegistry,
    abi: workerRegistryAbi,
    functionName: "getWorkerCapabilities",
    args: [outputs.worker],
  });
  expect(await declared).toBe(1n);
});

test("fleet status says for a person what it is, holds and does", async () => {
  const { code, stdout } = await fleetHere(rehearsal.folders, stage, "status");
  expect(code).toBe(0);
  for (const part of [`home · ${outputs.worker}`, "live, claiming", "5000 LCAI", kept, removed])
    expect(stdout).toContain(part);
  const { code: failed, stderr } = await fleetHere(rehearsal.folders, stage, "status", "--worker", "another");
  expect([failed, stderr]).toEqual([
    1,
    expect.stringMatching(/^LF1609: .* has no worker another .* --worker home\.\n$/),
  ]);
});

describe("a model that is taken out of the program while a session of it is open", () => {
  test("is off the chain at once, without making the up wait, and its weights stay", async () => {
    stage = await stageWith(kept);
    expect(await stage.engine.run("up")).toMatchObject({ delete: 1, update: 2 });
    await until(async () => !(await about("workerSupportsModel", removed)));
    expect([await about("isEligible", kept), await about("isEligible", removed)]).toEqual([true, false]);
    expect(await weights()).toContain("tiny-echo:latest");
  });

  test("is still answered for, on that session", async () => {
    const { verified, answer } = await consumer.ask(session, "Tell me about the stars.");
    expect([verified, answer.length > 0]).toEqual(["verified", true]);
  });

  test("stays with further ups, which change nothing, as long as the session is open", async () => {
    expect(changed(await stage.engine.run("up"))).toBe(0);
    expect(await weights()).toContain("tiny-echo:latest");
    expect((await consumer.ask(session, "Tell me about the river.")).verified).toBe("verified");
  });

  test("loses its weights at the first up after the session has ended; what is kept goes on serving", async () => {
    await consumer.closeSession(session);
    await rehearsal.network.advance(86_400 + 60); // its jobs' dispute windows pass
    await until(async () => !(await serviceSays(removed)).needed);
    expect(await stage.engine.run("up")).toMatchObject({ update: 1 });
    expect((await weights()).filter((name) => !name.includes("lightchain"))).toEqual(
      expect.not.arrayContaining(["tiny-echo:latest"]) as string[],
    );
    expect(changed(await stage.engine.run("up"))).toBe(0);
    const next = await consumer.requestSession(kept);
    expect((await consumer.ask(next, "Tell me about the river.")).verified).toBe("verified");
  });
});

test("a destroy while another one is retiring leaves nothing on the host", async () => {
  stage = await stageWith(kept, removed);
  await stage.engine.run("up");
  await until(() => about("isEligible", removed));
  await consumer.requestSession(removed);
  stage = await stageWith(kept);
  await stage.engine.run("up");
  expect(await weights()).toContain("tiny-echo:latest");
  await rehearsal.network.advance(86_400 + 60);
  await stage.engine.run("destroy");
  expect(await processesIn(rehearsal.folders.host)).toEqual([]);
});

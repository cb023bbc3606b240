import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ask } from "../../../components/service/status.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, type Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { noImage } from "../machines/image.js";
import { noOwnEngine, startOwnEngine, type OwnEngine } from "../machines/own-engine.js";
import { openDockerGround, type DockerGround } from "./ground.js";

const whyNot = noOwnEngine() ?? noImage();

describe.skipIf(whyNot !== undefined)(`a worker in containers whose engine is started anew${because(whyNot)}`, () => {
  let engine: OwnEngine;
  let ground: DockerGround;
  let stage: Stage;
  beforeAll(async () => {
    const own = await startOwnEngine();
    if (typeof own === "string") throw new Error(own);
    engine = own;
    vi.stubEnv("DOCKER_HOST", engine.address);
    ground = await openDockerGround();
    stage = await ground.stage();
    await stage.engine.run("up");
  }, 900_000);
  afterAll(async () => {
    try {
      await ground?.end();
    } finally {
      await engine?.stop();
      vi.unstubAllEnvs();
    }
  }, 300_000);

  const isLive = (): Promise<boolean> =>
    ask(ground.host, "home", { op: "status" }).then(
      ({ mode }) => mode === "live",
      () => false,
    );
  async function comesBack(): Promise<void> {
    for (const end = Date.now() + 120_000; Date.now() < end; await systemClock.sleep(200)) if (await isLive()) return;
    expect.unreachable("the worker did not come back within two minutes");
  }
  const startedAt = async (container: string): Promise<string> =>
    mustDocker("container", "inspect", "--format", "{{.State.StartedAt}}", container);
  async function sent(): Promise<number> {
    const { worker } = outputsSchema.parse(await stage.engine.outputs());
    return stage.client.getTransactionCount({ address: worker, blockTag: "pending" });
  }

  test.each(["stopped", "killed"] as const)(
    "comes back by itself when the engine was %s, sends nothing for it, serves, and the next up has nothing to do",
    async (how) => {
      const [before, transactions] = [await startedAt(ground.worker), await sent()];
      await engine.restart(how);
      await comesBack();
      expect(await startedAt(ground.worker)).not.toBe(before); // it was not merely let alone
      expect(await sent()).toBe(transactions);
      expect(changed(await stage.engine.run("up"))).toBe(0);
      expect(await sent()).toBe(transactions);
      const session = await ground.consumer.requestSession(stage.model);
      expect((await ground.consumer.ask(session, "Tell me about the river.")).verified).toBe("verified");
      await ground.consumer.closeSession(session);
    },
    600_000,
  );
});

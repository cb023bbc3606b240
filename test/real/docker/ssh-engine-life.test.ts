import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, type Stage } from "../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../schema/units.js";
import { because } from "../machines/docker-engine.js";
import { everythingOf, whyNoContainers } from "./engine.js";
import { openDockerGround, type DockerGround } from "./ground.js";
import { openSshEngine, type SshEngine } from "./ways.js";
import { isRegistered } from "../e2e/registered.js";

const whyNot = whyNoContainers() ?? (existsSync("/usr/sbin/sshd") ? undefined : "sshd is not installed");

describe.skipIf(whyNot !== undefined)(
  `a worker's life on a Docker engine that is reached by SSH${because(whyNot)}`,
  () => {
    let ground: DockerGround;
    let ssh: SshEngine;
    let stage: Stage;
    let worker: Address;
    const config = () => ({ engine: ssh.engine });
    beforeAll(async () => {
      ground = await openDockerGround();
      ssh = await openSshEngine(join(ground.rehearsal.folders.root, "ssh"));
      vi.stubEnv("PATH", `${ssh.programs}${delimiter}${process.env["PATH"] ?? ""}`);
      stage = await ground.stage(config());
    }, 600_000);
    afterAll(async () => {
      await ssh?.close();
      await ground?.end();
      vi.unstubAllEnvs();
    }, 300_000);
    const made = async (): Promise<string[]> =>
      (await everythingOf(ground.prefix)).filter((one) => !one.includes(`${ground.prefix}-test-`));

    // What the engine said is the only word of what went wrong on a machine that is gone by then.
    beforeEach(({ onTestFailed }) => {
      const from = ground.said.length;
      onTestFailed(() => void process.stderr.write(`${ground.said.slice(from).slice(-120).join("\n")}\n`));
    });

    test("begins with nothing as long as the machine's key is not known", async () => {
      await ssh.knows("another");
      await expect(stage.engine.run("up")).rejects.toThrow(/LF1580: .*Host key verification failed/s);
      expect(await made()).toEqual([]);
    });

    test("an up makes it, and it answers a job", async () => {
      await ssh.knows("it");
      await stage.engine.run("up");
      worker = outputsSchema.parse(await stage.engine.outputs()).worker;
      expect(await isRegistered(stage, worker)).toBe(true);
      const session = await ground.consumer.requestSession(stage.model);
      expect((await ground.consumer.ask(session, "Tell me about the river.")).verified).toBe("verified");
      await ground.consumer.closeSession(session);
    }, 600_000);

    test("a second up changes nothing", async () => {
      expect(changed(await stage.engine.run("up"))).toBe(0);
    }, 300_000);

    test("a destroy takes it back, and leaves no container, volume, network or image", async () => {
      await ground.rehearsal.network.advance(86_400 + 60);
      await stage.engine.run("destroy");
      expect(await isRegistered(stage, worker)).toBe(false);
      expect(await made()).toEqual([]);
    }, 600_000);
  },
);

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jobStateOf } from "../../../abi/job.js";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import { ask } from "../../../components/service/status.js";
import type { PendingJob } from "../../../devnet/consumer/follow.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, type Stage } from "../../../scripts/rehearsal/stage.js";
import { compiled } from "../../../system/package-root.js";
import { systemClock } from "../../../system/clock.js";
import { statusesOf } from "../e2e/fleet-command.js";
import { expectNoKeys } from "../hosts/searched.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { everythingOf, logsOf, whyNoContainers } from "./engine.js";
import { openDockerGround, type DockerGround } from "./ground.js";
import { makeOtherBundle } from "./other-bundle.js";
import { onEngine } from "./scan.js";

const whyNot = whyNoContainers();

interface Inspected {
  readonly State: { Pid: number; Running: boolean; Health: { Status: string } };
  readonly Config: {
    User: string;
    Env: string[];
    StopTimeout: number;
    StopSignal: string;
    Labels: Record<string, string>;
  };
  readonly HostConfig: Record<string, unknown> & { LogConfig: object; RestartPolicy: { Name: string } };
  readonly NetworkSettings: { Ports: Record<string, unknown>; Networks: Record<string, unknown> };
}

describe.skipIf(whyNot !== undefined)(`a worker in containers, on the real engine${because(whyNot)}`, () => {
  let ground: DockerGround;
  let stage: Stage;
  beforeAll(async () => {
    ground = await openDockerGround();
    stage = await ground.stage();
    await stage.engine.run("up");
  }, 900_000);
  afterAll(() => ground.end());

  const inspect = async (name: string): Promise<Inspected> =>
    (JSON.parse(await mustDocker("container", "inspect", name)) as [Inspected])[0];
  const isLive = async (): Promise<boolean> => (await ask(ground.host, "home", { op: "status" })).mode === "live";
  async function answered(prompt = "Tell me about the river."): Promise<void> {
    const session = await ground.consumer.requestSession(stage.model);
    expect((await ground.consumer.ask(session, prompt)).verified).toBe("verified");
    await ground.consumer.closeSession(session);
  }
  const stateOf = async ({ jobId }: Pick<PendingJob, "jobId">): Promise<string> => {
    const { jobRegistry: address } = stage.contracts;
    const job = await stage.client.readContract({
      address,
      abi: jobRegistryAbi,
      functionName: "getJob",
      args: [jobId],
    });
    return jobStateOf(job.state);
  };
  /** A process of a container's, by what its command line holds, as this machine numbers it. */
  async function processOf(container: string, part: string): Promise<number> {
    const lines = (await mustDocker("top", container, "-eo", "pid,args")).split("\n");
    const found = lines.filter((line) => line.includes(part) && !line.includes("docker-init"));
    expect(found).toHaveLength(1);
    return Number(found[0]!.trim().split(/\s+/)[0]);
  }
  /** How often the worker's container was told to stop. */
  const stops = async (): Promise<number> => (await logsOf(ground.worker)).split("stopping every program").length - 1;
  async function until(holds: () => Promise<boolean>, what: string, seconds = 60): Promise<void> {
    for (const end = Date.now() + seconds * 1_000; Date.now() < end; await systemClock.sleep(200))
      if (await holds().catch(() => false)) return;
    expect.unreachable(`not within ${seconds} s: ${what}`);
  }
  /** A job that the worker has acknowledged and cannot finish, as long as Ollama stands still. */
  async function jobInFlight(work: (job: PendingJob) => Promise<void>): Promise<void> {
    const session = await ground.consumer.requestSession(stage.model);
    await mustDocker("pause", ground.ollama);
    let job: PendingJob;
    try {
      job = await ground.consumer.submit(session, "Tell me about the mountain.");
      await until(async () => (await stateOf(job)) === "Acknowledged", "an acknowledged job");
      await work(job);
    } finally {
      await mustDocker("unpause", ground.ollama).catch(() => undefined);
    }
    expect((await ground.consumer.follow(job)).verified).toBe("verified");
    await ground.consumer.closeSession(session);
  }

  test("serves: a job is answered and verified", () => answered("Tell me about the stars."));

  test("fleet status asks it in its container", async () => {
    expect(await statusesOf(ground.rehearsal.folders, stage)).toEqual({ home: "live" });
  });

  test("an up that changes nothing changes nothing", async () => {
    expect(outputsSchema.parse(await stage.engine.outputs()).ollama).toBe("http://ollama:11434");
    expect(changed(await stage.engine.run("up"))).toBe(0);
  });

  test("its containers may do nothing that they need not, and no port of theirs is to be had from outside", async () => {
    for (const name of [ground.worker, ground.ollama]) {
      const { Config, HostConfig, NetworkSettings } = await inspect(name);
      expect(Config.User).toBe("10471:10471");
      expect(HostConfig).toMatchObject({
        ...{ ReadonlyRootfs: true, Privileged: false, CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges:true"] },
        ...{ Init: true, RestartPolicy: { Name: "always" } },
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      });
      expect(HostConfig["CapAdd"] ?? []).toEqual([]);
      expect(HostConfig["MemorySwap"]).toBe(HostConfig["Memory"]);
      expect(HostConfig["Ulimits"]).toContainEqual({ Name: "core", Soft: 0, Hard: 0 });
      expect(Object.keys(NetworkSettings.Networks)).toEqual([`${ground.prefix}-network`]);
      expect(Object.values(NetworkSettings.Ports).filter((port) => port !== null)).toEqual([]);
    }
    expect((await inspect(ground.worker)).Config).toMatchObject({ StopSignal: "SIGTERM", StopTimeout: 300 });
    await expect(mustDocker("exec", ground.worker, "touch", "/opt/lightchain/bundle/sidecar.js")).rejects.toThrow(
      /Read-only/,
    );
  });

  test("both are healthy by their own account", async () => {
    for (const name of [ground.worker, ground.ollama])
      await until(async () => (await inspect(name)).State.Health.Status === "healthy", `a healthy ${name}`, 120);
  });

  test.each([
    ["sidecar", "sidecar.js"],
    ["supervisor", "supervisor.js"],
  ])("a killed %s is started again, and serves", async (_, part) => {
    const killed = await processOf(ground.worker, part);
    process.kill(killed, "SIGKILL");
    await until(async () => (await processOf(ground.worker, part)) !== killed, "another process");
    await until(isLive, "a live sidecar");
    await answered();
  });

  test.each([
    ["worker's", () => ground.worker],
    ["Ollama's", () => ground.ollama],
  ])("a killed %s container is started again by the engine, and serves", async (_, name) => {
    const { Pid } = (await inspect(name())).State;
    process.kill(Pid, "SIGKILL");
    await until(async () => {
      const { State } = await inspect(name());
      return State.Running && State.Pid !== Pid;
    }, "a running container");
    await until(isLive, "a live sidecar");
    await answered();
    expect(changed(await stage.engine.run("up"))).toBe(0);
  });

  test("containers that were stopped are started by the next up, and serve", async () => {
    await mustDocker("stop", ground.worker, ground.ollama);
    expect(await stage.engine.run("preview")).toMatchObject({ update: expect.any(Number) as number });
    expect((await inspect(ground.worker)).State.Running).toBe(false); // a preview brings nothing to life
    await stage.engine.run("up");
    await until(isLive, "a live sidecar");
    await answered();
  });

  test("a container that is restarted while a job runs finishes it first", () =>
    jobInFlight(async (job) => {
      const before = await stops();
      const restarted = mustDocker("restart", ground.worker); // with the container's own stop time
      await until(async () => (await stops()) > before, "the stop");
      await mustDocker("unpause", ground.ollama);
      await restarted;
      expect(["Completed", "Released"]).toContain(await stateOf(job));
      await until(isLive, "a live sidecar");
    }));

  test("an upgrade while a job runs lets it finish, and then serves with the new bundle", async () => {
    const before = (await inspect(ground.worker)).Config.Labels["ai.lightchain.fleet.bundle"];
    const bundle = await makeOtherBundle(compiled("bundle"), join(ground.rehearsal.folders.root, "other", "bundle"));
    stage = await ground.stage({ bundle });
    await jobInFlight(async (job) => {
      const stopsBefore = await stops();
      const upgraded = stage.engine.run("up");
      await until(async () => (await stops()) > stopsBefore, "the stop", 180);
      await mustDocker("unpause", ground.ollama);
      await upgraded;
      expect(["Completed", "Released"]).toContain(await stateOf(job));
    });
    const after = (await inspect(ground.worker)).Config.Labels["ai.lightchain.fleet.bundle"];
    expect(after).not.toBe(before);
    const bundles = await mustDocker("exec", ground.worker, "ls", "/var/lib/lightchain-fleet/bundles");
    expect(bundles).toBe(after);
    await until(isLive, "a live sidecar");
    await answered();
    expect(changed(await stage.engine.run("up"))).toBe(0);
    expect((await everythingOf(ground.prefix)).filter((one) => one.startsWith("image"))).toHaveLength(3); // the former is gone
  });

  test("a container that was removed is said to be gone, and made anew on its volume", async () => {
    await mustDocker("rm", "--force", ground.worker);
    await expect(stage.engine.run("up")).rejects.toThrow(/LF1582/);
    await stage.engine.run("up", "--refresh");
    await until(isLive, "a live sidecar");
    await answered();
  });

  test("a copy of its volume starts nothing", async () => {
    const copy = `${ground.prefix}-copied`;
    const [from, image] = [
      `${ground.prefix}-state`,
      await mustDocker("container", "inspect", "--format", "{{.Image}}", ground.worker),
    ];
    const flags = [
      "--rm",
      "--network",
      "none",
      "--user",
      "0",
      "--entrypoint",
      "cp",
      "--volume",
      `${from}:/from`,
      "--volume",
      `${copy}:/to`,
    ];
    await mustDocker("run", ...flags, "--name", `${copy}-cp`, image, "-a", "/from/.", "/to");
    await mustDocker(
      "run",
      "--detach",
      "--network",
      "none",
      "--name",
      copy,
      "--volume",
      `${copy}:/var/lib/lightchain-fleet`,
      image,
    );
    await until(
      async () =>
        (await mustDocker("exec", copy, "cat", "/var/lib/lightchain-fleet/supervisor/supervisor.log")).includes(
          "LF1313",
        ),
      "the refusal",
    );
    expect(await mustDocker("top", copy, "-eo", "pid,args")).not.toContain("sidecar.js");
    await mustDocker("rm", "--force", copy);
    await mustDocker("volume", "rm", copy);
  });

  test("its keys are nowhere in the open, and each place that is searched gives away a key that is put there", async () => {
    await expectNoKeys(stage, [onEngine(ground.prefix)]);
  });

  test("a destroy leaves no container, volume, network or image", async () => {
    await ground.rehearsal.network.advance(86_400 + 60);
    await stage.engine.run("destroy");
    expect(await everythingOf(ground.prefix)).toEqual([
      `image ${ground.prefix}-test-ollama:test`,
      `network ${ground.prefix}-test-bridge`,
    ]);
  });
});

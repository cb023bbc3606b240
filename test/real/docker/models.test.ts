import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import { ask } from "../../../components/service/status.js";
import { runningIn } from "../../../devnet/background.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, type Stage } from "../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../schema/units.js";
import { until } from "../e2e/adversity/troubles.js";
import { answered, completedFirst, jobInFlight, type Asking } from "../hosts/job-in-flight.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { whyNoContainers } from "./engine.js";
import { openDockerGround, type DockerGround } from "./ground.js";

const whyNot = whyNoContainers();
const [kept, second] = ["tiny-poet:1b", "tiny-echo"] as const;

describe.skipIf(whyNot !== undefined)(`a worker in containers with a job in flight${because(whyNot)}`, () => {
  let ground: DockerGround;
  let stage: Stage;
  let worker: Address;
  let control: string;
  const stageWith = async (...names: readonly string[]): Promise<Stage> => {
    const known = (await runningIn(ground.rehearsal.folders.network))!;
    control = known.control;
    const models = names.map((name) => {
      const { pull } = known.models.find((one) => one.name === name)!;
      return { name, source: pull, insecure: true };
    });
    return ground.stage({ models, tuning: { services: { lifecycleProbeMs: 500 } } });
  };
  beforeAll(async () => {
    ground = await openDockerGround();
    stage = await stageWith(kept);
    await stage.engine.run("up");
    worker = outputsSchema.parse(await stage.engine.outputs()).worker;
  }, 900_000);
  afterAll(() => ground?.end());

  const asking = (model: string): Asking => ({ consumer: ground.consumer, stage, model, worker, control });
  const status = () => ask(ground.host, "home", { op: "status" });
  const serves = async (model: string = kept): Promise<void> => {
    await until("it serves", () => status().then(({ mode, claiming }) => mode === "live" && claiming, no), 120);
    await answered(asking(model));
  };
  const isOffered = (name: string): Promise<boolean> =>
    stage.client.readContract({
      address: stage.contracts.workerRegistry,
      abi: workerRegistryAbi,
      functionName: "isEligible",
      args: [worker, modelIdOf(name)],
    });
  const weights = (): Promise<string> => mustDocker("exec", ground.ollama, "ollama", "list");
  const log = (): Promise<string> =>
    mustDocker("exec", ground.worker, "cat", "/var/lib/lightchain-fleet/workers/home/sidecar.log");
  /** How often a sidecar was asked to end. */
  const ends = async (): Promise<number> => (await log()).split('"draining"').length;

  test("gets another model: the job is answered first, and both models serve", async () => {
    stage = await stageWith(kept, second);
    await jobInFlight(asking(kept), async (job) => {
      const before = await ends();
      const going = stage.engine.run("up");
      try {
        await Promise.race([until("the sidecar is asked to end", async () => (await ends()) > before, 180), going]);
        expect(await job.state()).toBe("Acknowledged");
      } finally {
        await job.letGo();
        await going;
      }
      expect(completedFirst(await log())).toBe(true);
    });
    await until("the second model is offered", () => isOffered(second));
    await serves(second);
    await serves();
  });

  test("loses the model of the job: the job is answered, the model leaves the chain once that is beyond dispute, and its weights go with the next up", async () => {
    stage = await stageWith(kept);
    await jobInFlight(asking(second), async (job) => {
      expect(await stage.engine.run("up")).toMatchObject({ delete: 1 });
      expect(await job.state()).toBe("Acknowledged");
      expect(await weights()).toContain(second);
    });
    await ground.rehearsal.network.advance(86_400 + 60); // until then its job can be disputed, and the chain keeps it
    await until("it is off the chain", async () => !(await isOffered(second)));
    const isNeeded = async (): Promise<boolean> =>
      (await status()).models.find(({ name }) => name === second)?.needed ?? false;
    await until("nobody needs it", async () => !(await isNeeded()));
    await stage.engine.run("up");
    expect(await weights()).not.toContain(second);
    await serves();
    expect(changed(await stage.engine.run("up"))).toBe(0);
  });
});

const no = (): boolean => false;

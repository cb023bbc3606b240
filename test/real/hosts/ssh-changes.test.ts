import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, type Stage } from "../../../scripts/rehearsal/stage.js";
import { compiled } from "../../../system/package-root.js";
import { makeOtherBundle } from "../docker/other-bundle.js";
import { until } from "../e2e/adversity/troubles.js";
import { endingSidecar } from "../host/fake-bundle.js";
import { because } from "../machines/docker-engine.js";
import { noMachines } from "../machines/machine.js";
import { answered, completedFirst, jobInFlight } from "./job-in-flight.js";
import { expectNoKeys, thisComputer } from "./searched.js";
import { withoutItsSecret } from "./served-troubles.js";
import { openSshGround, type SshGround } from "./ssh-ground.js";
import { everythingOn } from "./everything-on.js";

const whyNot = noMachines();
const [kept, second] = ["tiny-poet:1b", "tiny-echo"] as const;

describe.skipIf(whyNot !== undefined)(`a worker on a computer that is reached by SSH${because(whyNot)}`, () => {
  let there: SshGround;
  let stage: Stage;
  let bare: string[];
  let other: string;
  beforeAll(async () => {
    there = await openSshGround({ network: "host", config: () => ({ exitMaxWaitMs: 3_000 }) });
    bare = await everythingOn(there.machine);
    other = await makeOtherBundle(compiled("bundle"), join(there.ground.rehearsal.folders.root, "other", "bundle"));
    stage = there.ground.stage;
    await stage.engine.run("up");
  }, 600_000);
  afterAll(() => there?.end());
  // What went wrong on a machine that is gone by then.
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      const log = await there.machine.run(["sh", "-c", "tail -n 40 /var/lib/*/workers/*/sidecar.log"]);
      process.stderr.write(`${there.said.slice(-60).join("\n")}\n${log.stdout}\n`);
    });
  });

  const serves = async (model: string = kept): Promise<void> => {
    await there.live();
    await answered(await there.asking(model));
  };
  const registry = async (functionName: "isEligible" | "workerSupportsModel", name: string): Promise<boolean> =>
    stage.client.readContract({
      address: stage.contracts.workerRegistry,
      abi: workerRegistryAbi,
      functionName: functionName as "isEligible", // they take and give the same
      args: [await there.ground.address(), modelIdOf(name)],
    });
  const weights = async (): Promise<string> => {
    const { ollama } = outputsSchema.parse(await stage.engine.outputs());
    return (await fetch(`${ollama}/api/tags`)).text();
  };
  /** An up that replaces the sidecar while a job of this model is in flight: the job is over before the sidecar is. */
  const upDuringJob = async (model: string): Promise<void> =>
    jobInFlight(await there.asking(model), async (job) => {
      const going = stage.engine.run("up");
      const isAsked = async (): Promise<boolean> => (await there.stateOf("worker")) === "deactivating";
      try {
        await Promise.race([until("the sidecar is asked to end", isAsked, 120), going]);
        expect(await job.state()).toBe("Acknowledged");
      } finally {
        await job.letGo();
        await going;
      }
      const log = join(there.host.reference.root, "workers/home/sidecar.log");
      expect(completedFirst(await there.machine.must(["cat", log]))).toBe(true);
    });
  const unchanged = async (): Promise<void> => expect(changed(await stage.engine.run("up"))).toBe(0);

  describe("with a job in flight", () => {
    test("gets another model: the job is answered first, and both models serve", async () => {
      stage = await there.program({ models: await there.models(kept, second) });
      await upDuringJob(kept);
      await until("the second model is offered", () => registry("isEligible", second));
      await serves(second);
      await serves();
    });

    test("loses the model of the job: the job is answered, the model leaves the chain once that is beyond dispute, and its weights go with the next up", async () => {
      stage = await there.program();
      await jobInFlight(await there.asking(second), async (job) => {
        expect(await stage.engine.run("up")).toMatchObject({ delete: 1 });
        expect(await job.state()).toBe("Acknowledged");
        expect(await weights()).toContain(second);
      });
      await there.ground.rehearsal.network.advance(86_400 + 60); // until then its job can be disputed, and the chain keeps it
      await until("it is off the chain", async () => !(await registry("workerSupportsModel", second)));
      const isNeeded = async (): Promise<boolean> =>
        (await there.status()).models.find(({ name }) => name === second)?.needed ?? false;
      await until("nobody needs it", async () => !(await isNeeded()));
      await stage.engine.run("up");
      expect(await weights()).not.toContain(`"${second}`);
      await serves();
      await unchanged();
    });

    test("is brought another bundle: the job is answered first, and the new sidecar serves", async () => {
      stage = await there.program({ bundle: other });
      await upDuringJob(kept);
      expect((await there.status()).bundle).toBe(await readBundleHash(other));
      await serves();
      await unchanged();
    });
  });

  test("is brought a bundle that does not come up: the former one serves on, which the up says, and the next good one is taken", async () => {
    const { root } = there.ground.rehearsal.folders;
    const bad = await makeOtherBundle(compiled("bundle"), join(root, "bad", "bundle"), () => endingSidecar(78));
    stage = await there.program({ bundle: bad });
    await expect(stage.engine.run("up")).rejects.toThrow(
      /LF1360: Worker home serves with its former bundle 0x\w+… again: .*LF1401: It cannot go on/,
    );
    expect((await there.status()).bundle).toBe(await readBundleHash(other));
    await serves();
    stage = await there.program();
    await stage.engine.run("up");
    expect((await there.status()).bundle).toBe(await readBundleHash(compiled("bundle")));
    await serves();
    await unchanged();
  });

  test.each(["worker", "ollama"] as const)(
    "whose %s is killed serves again by itself, and the next up finds nothing to do",
    async (unit) => {
      await there.kill(unit);
      await serves();
      await unchanged();
    },
  );

  test.each([[["secret.cred"]], [["secret.cred", "sealed.json"]]])(
    "whose secret (%j) is gone from the machine is sealed to anew by the next up, and nothing is paid or staked again",
    async (files) => {
      const folder = join(there.host.reference.root, "workers/home");
      await withoutItsSecret(there.served, {
        lose: async () => {
          await there.machine.must(["rm", ...files.map((name) => join(folder, name))]);
          await there.machine.run(["systemctl", "restart", there.units.worker]); // has nothing to start with
        },
        isDown: async () => (await there.stateOf("worker")) !== "active",
      });
    },
  );

  test("serves again by itself after a reboot, and sends nothing for it", async () => {
    const before = await there.ground.count();
    await there.machine.reboot();
    await there.live();
    expect(await there.ground.count()).toEqual(before);
    await serves();
    await unchanged();
  });

  test("answers a job after the power failed in the middle of it", async () => {
    await jobInFlight(await there.asking(kept), () => there.machine.powerCycle());
    await serves();
    await unchanged();
  });

  test("has none of its keys in the open after all of that; each place that is searched gives away a key that is put there", () =>
    expectNoKeys(stage, [thisComputer(there.ground.rehearsal.folders, there.said), there.searched]));

  describe("that is to leave while a session is open", () => {
    const failureOf = (run: Promise<unknown>): Promise<string> =>
      run.then(
        () => expect.unreachable("it should have failed"),
        (error: unknown) => (error as Error).message,
      );

    test("says until when it may take, serves the session meanwhile, and is not taken back by an up", async () => {
      const session = await there.consumer.requestSession(kept);
      const { jobId } = await there.consumer.ask(session, "Tell me about the river.");
      const message = await failureOf(stage.engine.run("destroy"));
      const [job, open] = [jobId, session.id].map(String);
      expect(message).toMatch(
        new RegExp(
          `LF1510: .*jobs? .*\\b${job}\\b.* and open sessions? .*\\b${open}\\b.* keep it until 20.*pulumi destroy`,
          "s",
        ),
      );
      expect((await there.consumer.ask(session, "Tell me about the stars.")).verified).toBe("verified");
      expect(await failureOf(stage.engine.run("up"))).toContain("LF1207");
    });

    test("leaves by itself at the first moment the contracts allow; under a new generation it serves again", async () => {
      await there.ground.rehearsal.network.advance(86_400 + 60);
      const hasLeft = async (): Promise<boolean> => {
        const { isRegistered, balance } = await there.ground.count();
        return !isRegistered && balance === 0n;
      };
      await until("it has left", hasLeft, 120);
      await stage.engine.run("destroy");
      stage = await there.program({ generation: 2, exitMaxWaitMs: 900_000 });
      await stage.engine.run("up");
      await serves();
    }, 600_000);

    test("leaves nothing on the machine but the secret that systemd encrypts with", async () => {
      await there.ground.rehearsal.network.advance(86_400 + 60);
      await stage.engine.run("destroy");
      expect(await there.ground.count()).toMatchObject({
        fundings: 2,
        registrations: 2,
        balance: 0n,
        isRegistered: false,
      });
      const left = (await everythingOn(there.machine)).filter((one) => !bare.includes(one));
      expect(left).toEqual(["/var/lib/systemd/credential.secret"]);
    });
  });
});

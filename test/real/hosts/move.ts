import { toFunctionSelector, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { jobRegistryAbi } from "../../../abi/job-registry.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { ask } from "../../../components/service/status.js";
import { hostReferenceSchema } from "../../../components/worker-reference.js";
import { runningIn } from "../../../devnet/background.js";
import type { Consumer } from "../../../devnet/consumer/consumer.js";
import type { PendingJob } from "../../../devnet/consumer/follow.js";
import type { ConsumerSession } from "../../../devnet/consumer/open-session.js";
import type { SidecarStatus } from "../../../schema/control.js";
import type { Address } from "../../../schema/units.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { systemClock } from "../../../system/clock.js";
import { consumerOf, openRehearsal, type Rehearsal } from "../e2e/rehearsal.js";
import { isRegistered } from "../e2e/registered.js";
import { expectNoKeys, thisComputer, type Searched } from "./searched.js";

/** A host that a worker moves from or to. */
export interface MovePlace {
  /** The stack's config for it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** How many sidecars run on it. */
  sidecars(): Promise<number>;
  /** What of ours is on it: files, processes, units; one line each. */
  left(): Promise<string[]>;
  /** All of it, as a place where keys are looked for. */
  readonly searched: Searched;
}

/** Two of them, on which the rehearsal network is found at 127.0.0.1. */
export interface MoveGround {
  readonly places: readonly [MovePlace, MovePlace];
  end(): Promise<void>;
}

/**
 * A worker that is moved by its program naming another host, with a job in flight and its session open.
 * @param whyNot why there are no such hosts here; `undefined` when there are
 */
export function playMove(
  what: string,
  whyNot: string | undefined,
  open: (rehearsal: Rehearsal) => Promise<MoveGround>,
): void {
  describe.skipIf(whyNot !== undefined)(`${what}${whyNot === undefined ? "" : ` [not run: ${whyNot}]`}`, () => {
    let rehearsal: Rehearsal;
    let ground: MoveGround;
    let stage: Stage;
    let worker: Address;
    let consumer: Consumer;
    let session: ConsumerSession;
    let control: string;
    const jobs: bigint[] = [];
    const said: string[] = [];

    const stageAt = (place: MovePlace): Promise<Stage> =>
      prepareStage(rehearsal.folders, rehearsal.tools, rehearsal.network, (line) => void said.push(line), place.config);
    beforeAll(async () => {
      rehearsal = await openRehearsal();
      ground = await open(rehearsal);
      control = (await runningIn(rehearsal.folders.network))!.control;
      stage = await stageAt(ground.places[0]);
      await stage.engine.run("up");
      worker = outputsSchema.parse(await stage.engine.outputs()).worker;
      consumer = await consumerOf(stage.network, stage.accountsFile);
      session = await consumer.requestSession(stage.model);
    }, 600_000);
    afterAll(async () => {
      await ground?.end();
      await rehearsal?.end();
    });

    const record = async () => (await stage.operator.store.read(stage.workerRef, "worker")).record;
    /** The host that holds the key, by the record's own word. */
    const holder = async (): Promise<Host> =>
      openHost(hostReferenceSchema.parse(JSON.parse((await record()).holderAt!.reference)));
    const status = async (): Promise<SidecarStatus> => ask(await holder(), "home", { op: "status" });
    const sentByTreasury = (): Promise<number> =>
      stage.client.getTransactionCount({ address: privateKeyToAccount(rehearsal.network.treasuryKey as Hex).address });
    async function answered(prompt: string): Promise<void> {
      const { verified, jobId } = await consumer.ask(session, prompt);
      expect(verified).toBe("verified");
      jobs.push(jobId);
    }
    async function withheld(name: "completeJob"): Promise<() => Promise<void>> {
      const found = jobRegistryAbi.find((item) => item.type === "function" && item.name === name);
      const match = { from: worker.toLowerCase(), selector: toFunctionSelector(found as never) };
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ part: "chain", kind: "withhold", match });
      const answer = await fetch(`${control}/fault`, { method: "POST", headers, body });
      const { id } = z.object({ id: z.number() }).parse(await answer.json());
      return async () => {
        await fetch(`${control}/fault/${id}`, { method: "DELETE" });
      };
    }
    async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
      for (const end = Date.now() + 120_000; Date.now() < end; await systemClock.sleep(100))
        if (await holds().catch(() => false)) return;
      expect.unreachable(`not in two minutes: ${what}`);
    }

    test("serves a job where it is", () => answered("Tell me about the stars."), 120_000);

    test("finishes the job that it runs, and never runs at both places", async () => {
      const [from, to] = ground.places;
      const paid = await sentByTreasury();
      const letGo = await withheld("completeJob");
      const pending: PendingJob = await consumer.submit(session, "Tell me about the river.");
      jobs.push(pending.jobId);
      const isCompleting = ({ transactions }: SidecarStatus): boolean =>
        transactions.some(({ purpose, outcome }) => purpose.includes("/complete/") && outcome === "open");
      await until(async () => isCompleting(await status()), "the completion is sent");

      stage = await stageAt(to);
      const both: string[] = [];
      let moving = true;
      const moved = stage.engine.run("up").finally(() => (moving = false));
      const watching = (async () => {
        while (moving) {
          const [here, there] = [await from.sidecars(), await to.sidecars()];
          if (here + there > 1) both.push(`${here} and ${there}`);
          await systemClock.sleep(50);
        }
      })();
      await until(async () => (await status()).mode === "draining", "the sidecar finishes");
      expect(await to.sidecars()).toBe(0);
      await letGo();
      await moved;
      await watching;
      expect(both).toEqual([]);
      expect((await consumer.follow(pending)).verified).toBe("verified");
      expect(await isRegistered(stage, worker)).toBe(true);
      expect(await sentByTreasury()).toBe(paid);
      expect(await from.sidecars()).toBe(0);
      expect(await to.sidecars()).toBe(1);
      expect(said.join("\n")).toMatch(/worker home moves from host .* to .*: it finishes its jobs first/);
    }, 600_000);

    test("serves the open session on, under the next epoch, with the journal that it had", async () => {
      await answered("Tell me about the sea.");
      const now = await status();
      expect(now).toMatchObject({ mode: "live", epoch: 2 });
      const known = now.jobs.map(({ id }) => id);
      expect(known).toEqual(expect.arrayContaining(jobs));
      // Read from the chain again, none of these would be known.
      for (const purpose of ["/register/", "/complete/"])
        expect(now.transactions.some((one) => one.purpose.includes(purpose) && one.outcome === "mined")).toBe(true);
      expect(said.join("\n")).not.toContain("stays behind");
    }, 120_000);

    test("leaves nothing on the host that it came from, and another up changes nothing", async () => {
      expect(await ground.places[0].left()).toEqual([]);
      expect(changed(await stage.engine.run("up"))).toBe(0);
    }, 300_000);

    test("has its keys in the open nowhere: neither here nor where it was nor where it is; each place that is searched gives away a key that is put there", async () => {
      const places = ground.places.map(({ searched }) => searched);
      await expectNoKeys(stage, [thisComputer(rehearsal.folders, said), ...places]);
    }, 300_000);

    test("is destroyed where it is now", async () => {
      await consumer.closeSession(session);
      await rehearsal.network.advance(86_400 + 60);
      await stage.engine.run("destroy");
      expect(await isRegistered(stage, worker)).toBe(false);
      for (const place of ground.places) expect(await place.left()).toEqual([]);
      await expectNoKeys(stage, [thisComputer(rehearsal.folders, said)]); // its history has all of it now
    }, 300_000);
  });
}

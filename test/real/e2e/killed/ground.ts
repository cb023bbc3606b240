import { existsSync } from "node:fs";
import { cp, mkdir, realpath, symlink } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { runningIn } from "../../../../devnet/background.js";
import { prepareStage, type Stage } from "../../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../../schema/units.js";
import { runProcess, type ProcessResult } from "../../../../system/process.js";
import { systemClock } from "../../../../system/clock.js";
import { fleetHere } from "../fleet-command.js";
import type { Rehearsal } from "../rehearsal.js";
import { lifeOnChain, type Counts } from "./life-on-chain.js";
import { interruptedRun, type Interrupted, type Interruption } from "./interrupted-engine.js";

/** One worker's stack on a rehearsal network, the ways to break its runs, and the ways to mend them. */
export interface Ground {
  readonly stage: Stage;
  readonly rehearsal: Rehearsal;
  /** Keeps back what the worker or its treasury sends, from now until a while after the next interruption. */
  withhold(from: "worker" | "treasury"): Promise<void>;
  /** Waits until something that was to be withheld is. */
  untilKept(): Promise<void>;
  /** Ends the withholding. */
  letGo(): Promise<void>;
  interrupt(interruption: Interruption): Promise<Interrupted>;
  pulumi(...args: readonly string[]): Promise<ProcessResult>;
  fleet(...args: readonly string[]): Promise<ProcessResult>;
  /** From a second checkout with the same backend and key store. */
  elsewhere(program: "pulumi" | "fleet", ...args: readonly string[]): Promise<ProcessResult>;
  count(): Promise<Counts>;
  address(): Promise<Address>;
  end(): Promise<void>;
}

/**
 * @param name the worker's; each life on one ground has its own
 * @param config further values of the stack's config, or other ones
 * @param say called with each line that its engine prints
 */
export async function openGround(
  rehearsal: Rehearsal,
  name: string,
  config: Readonly<Record<string, unknown>> = {},
  say: (line: string) => void = () => undefined,
): Promise<Ground> {
  const { folders } = rehearsal;
  const stage = await prepareStage(folders, rehearsal.tools, rehearsal.network, say, {
    worker: name,
    tuning: { services: { lifecycleProbeMs: 500 } },
    ...config,
  });
  const second = join(folders.root, "second-checkout");
  const control = (await runningIn(folders.network))?.control ?? "";
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(control + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  const run = (cwd: string, program: "pulumi" | "fleet", args: readonly string[]): Promise<ProcessResult> => {
    if (program === "fleet") return fleetHere({ project: cwd }, stage, ...args);
    const on = ["--stack", "devnet", "--non-interactive"];
    return runProcess("pulumi", [...args, ...on], { cwd, env: stage.environment });
  };
  const store = stage.operator.store;
  const address = async (): Promise<Address> =>
    (await store.read(`worker/${stage.network.chainId}/${name}`, "worker")).record.address;
  const treasury = (await store.read(stage.operator.treasury, "treasury")).record.address;

  let withheld: { fault: number; from: "worker" | "treasury" } | undefined;
  /** Waits until a transaction is kept back. */
  const untilKept = async (): Promise<void> => {
    if (withheld === undefined) return;
    const from = withheld.from === "worker" ? await address() : treasury;
    for (const end = Date.now() + 60_000; Date.now() < end; await systemClock.sleep(20)) {
      const [mined, all] = await Promise.all(
        (["latest", "pending"] as const).map((blockTag) =>
          stage.client.getTransactionCount({ address: from, blockTag }),
        ),
      );
      if ((all ?? 0) > (mined ?? 0)) return;
    }
    throw new Error("nothing was sent that could be withheld");
  };
  const letGo = async (afterMs = 0): Promise<void> => {
    const { fault } = withheld ?? {};
    withheld = undefined;
    if (fault === undefined) return;
    await systemClock.sleep(afterMs);
    await fetch(`${control}/fault/${fault}`, { method: "DELETE" });
  };

  return {
    stage,
    rehearsal,
    withhold: async (from) => {
      // What only a worker calls: its key may not be made yet.
      const match = from === "worker" ? { to: stage.contracts.workerRegistry } : { from: treasury };
      const answer = await post("/fault", { part: "chain", kind: "withhold", match });
      const { id } = z.object({ id: z.number() }).parse(await answer.json());
      withheld = { fault: id, from };
    },
    untilKept,
    letGo: () => letGo(),
    interrupt: async (interruption) => {
      // What was kept back is let go a while after the signal: an engine that ends properly waits for what it has sent.
      const result = await interruptedRun(stage, folders, interruption, async () => {
        await untilKept();
        void letGo(3_000);
      });
      void letGo();
      return result;
    },
    pulumi: (...args) => run(folders.project, "pulumi", args),
    fleet: (...args) => run(folders.project, "fleet", args),
    elsewhere: async (program, ...args) => {
      await checkOut(folders.project, second);
      return run(second, program, args);
    },
    address,
    count: async () => lifeOnChain(stage, await address(), treasury),
    end: async () => {
      await fetch(`${control}/fault`, { method: "DELETE" });
    },
  };
}

/** The same project in another folder. */
async function checkOut(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const file of ["Pulumi.yaml", "Pulumi.devnet.yaml", "package.json"]) await cp(join(from, file), join(to, file));
  for (const folder of ["dist", "node_modules"])
    if (!existsSync(join(to, folder))) await symlink(await realpath(join(from, folder)), join(to, folder));
}

import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stateOf } from "../../../../scripts/ops/pending.js";
import { systemClock } from "../../../../system/clock.js";
import { openRehearsal, processesIn, type Rehearsal } from "../rehearsal.js";
import { openGround, type Ground } from "./ground.js";
import { wholeLife } from "./life-on-chain.js";
import { describeInterruption, interruptedRun, stateFileIn, type Interruption } from "./interrupted-engine.js";

let rehearsal: Rehearsal;
let ground: Ground;
beforeAll(async () => {
  rehearsal = await openRehearsal();
  ground = await openGround(rehearsal, "home");
}, 600_000);
afterAll(async () => {
  await ground?.end();
  await rehearsal.end();
});

interface Link extends Pick<Interruption, "type" | "how" | "program"> {
  /** Whose transaction is in the mempool, and in no block, at the moment of the signal. */
  readonly kept?: "worker" | "treasury";
}
/** One run, interrupted at one place. What the one before it left is only unlocked: by hand, in this checkout or another. */
async function interrupted(command: "up" | "destroy", { kept, ...link }: Link, round: number): Promise<void> {
  const unlocked = round % 2 === 0 ? ground.pulumi("cancel", "--yes") : ground.elsewhere("pulumi", "cancel", "--yes");
  await unlocked; // it fails where there is nothing to unlock
  if (kept !== undefined) await ground.withhold(kept);
  const result = await ground.interrupt({ command, moment: "in flight", ...link });
  expect(result).toMatchObject({ struck: true });
  if (link.program !== "fleet") return;
  expect(result.output).toContain(`LF1608: pulumi ${command} stopped as asked`);
  // What was in flight has ended, and the stack knows it.
  expect(stateOf((await ground.pulumi("stack", "export")).stdout).creating).not.toContain("home-tiny-poet-1b");
}
const named = (command: "up" | "destroy", chain: readonly Link[]) =>
  chain.map(({ kept, ...link }, round): [string, Link, number] => [
    describeInterruption({ command, moment: "in flight", ...link }) +
      (kept === undefined ? "" : `, a transaction of the ${kept} in no block yet`),
    { ...link, ...(kept === undefined ? {} : { kept }) },
    round,
  ]);
/** Waits until no process has the folder in its command line. */
async function untilNothingOf(folder: string): Promise<void> {
  let left: string[] = [];
  for (const end = Date.now() + 60_000; Date.now() < end; await systemClock.sleep(250)) {
    const lines = (await processesIn(folder)).map(commandLineOf);
    left = lines.filter((line) => line.includes(folder));
    if (left.length === 0) return;
  }
  expect(left, "processes that nobody ended").toEqual([]);
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // ended meanwhile
  }
}

describe("a worker whose every up is interrupted", () => {
  const chain: readonly Link[] = [
    { type: "Keys", how: "SIGKILL" },
    { type: "Host", how: "SIGHUP" },
    { type: "Model", how: "SIGINT twice", program: "fleet" },
    { type: "Service", how: "SIGINT twice" },
    { type: "Funding", how: "SIGKILL", kept: "treasury" },
    { type: "Registration", how: "SIGKILL", kept: "worker" },
  ];
  test.each(named("up", chain))("goes on after %s", (_, link, round) => interrupted("up", link, round));

  test("is made whole by fleet repair, in another checkout, while the last orphan still runs", async () => {
    // What is left when the engine is killed between making this file and filling it.
    await writeFile(`${stateFileIn(rehearsal.folders)}.attrs`, "");
    expect((await ground.pulumi("stack", "export")).stderr).toContain("failed to load checkpoint: EOF");
    expect(await ground.elsewhere("fleet", "repair", "--yes")).toMatchObject({ code: 0 });
    expect(await ground.count()).toMatchObject({ fundings: 1, registrations: 1, isRegistered: true });
    const state = await ground.pulumi("stack", "export");
    expect(state.stdout).not.toContain('"pending_operations"');
    const up = await ground.pulumi("up", "--yes", "--skip-preview");
    expect(up.stdout).toMatch(/Resources:\n\s+8 unchanged/);
  });

  test("leaves no provider behind", () => untilNothingOf(rehearsal.folders.pulumiHome));
});

describe("a worker whose every destroy is interrupted", () => {
  const chain: readonly Link[] = [
    { type: "Registration", how: "SIGKILL", kept: "worker" },
    { type: "Funding", how: "SIGHUP" },
    { type: "Service", how: "SIGTERM" },
    { type: "Model", how: "SIGKILL" },
    { type: "Host", how: "SIGINT twice" },
    { type: "Keys", how: "SIGKILL" },
  ];
  test.each(named("destroy", chain))("goes on after %s", (_, link, round) => interrupted("destroy", link, round));

  test("is gone with fleet destroy: one exit and one sweep were mined, and nothing runs", async () => {
    expect(await ground.fleet("destroy", "--yes")).toMatchObject({ code: 0 });
    expect(await ground.count()).toEqual(wholeLife);
    await untilNothingOf(rehearsal.folders.host);
  });
});

describe("a worker whose engine is killed while its registration is in no block yet", () => {
  beforeAll(async () => {
    ground = await openGround(rehearsal, "second");
    await ground.interrupt({ command: "up", type: "Service", moment: "done", how: "SIGINT" }); // its address is known then
    await ground.withhold("worker");
    await ground.interrupt({ command: "up", type: "Registration", moment: "in flight", how: "SIGKILL" });
  });

  test("is not destroyed by fleet, which says what would be forgotten and the way out", async () => {
    const { code, stderr } = await ground.fleet("destroy", "--yes");
    expect(code).toBe(1);
    expect(stderr).toMatch(/LF1604: .*second-registration.* Next: npx fleet repair/);
  });

  test("comes back whole from a plain destroy, which knows nothing of the registration", async () => {
    await ground.pulumi("cancel", "--yes");
    expect(await ground.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ code: 0 });
    expect(await ground.count()).toEqual(wholeLife);
    await untilNothingOf(rehearsal.folders.host);
  });
});

/** A worker whose machine goes down, the engine's providers too, while its payment is in no block yet. */
async function goDownWhilePaying(name: string): Promise<void> {
  ground = await openGround(rehearsal, name);
  await ground.withhold("treasury");
  const up = { command: "up", type: "Funding", moment: "in flight", how: "SIGKILL" } as const;
  await interruptedRun(ground.stage, rehearsal.folders, up, () => ground.untilKept());
  for (const pid of await processesIn(rehearsal.folders.pulumiHome)) process.kill(pid, "SIGKILL");
}

describe("a worker whose machine goes down while its payment is in no block yet", () => {
  test("gets all of it back from a plain destroy, which knows nothing of the payment and waits for it", async () => {
    await goDownWhilePaying("third");
    await ground.pulumi("cancel", "--yes");
    const destroy = { command: "destroy", type: "Keys", moment: "in flight", how: "nothing" } as const;
    const { code, output } = await interruptedRun(ground.stage, rehearsal.folders, destroy, () => {
      void systemClock.sleep(3_000).then(() => ground.letGo()); // long after keys that wait for nothing would be gone
      return Promise.resolve();
    });
    expect(code, output).toBe(0);
    expect(await ground.count()).toMatchObject({ fundings: 1, registrations: 0, balance: 0n });
    expect((await ground.count()).sent.at(-1)).toBe("sweep");
  });
});

describe("a worker whose payment is mined after its machine went down", () => {
  test("is not announced another one by a preview, and gets none", async () => {
    await goDownWhilePaying("fourth"); // nobody wrote down what became of the payment
    await ground.letGo();
    while ((await ground.count()).balance === 0n) await systemClock.sleep(100);
    await ground.pulumi("cancel", "--yes");
    const { code, stdout, stderr } = await ground.pulumi("preview");
    expect(code, stdout + stderr).toBe(0);
    expect(stdout + stderr).toContain("treasury sends 0 LCAI");
    expect(await ground.fleet("repair", "--yes")).toMatchObject({ code: 0 });
    expect(await ground.count()).toMatchObject({ fundings: 1, registrations: 1 });
    expect(await ground.fleet("destroy", "--yes")).toMatchObject({ code: 0 });
    expect(await ground.count()).toEqual(wholeLife);
  });
});

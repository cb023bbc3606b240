import { afterAll, beforeAll, expect, test } from "vitest";
import { soak } from "../../soak.js";
import { openRehearsal, type Rehearsal } from "../rehearsal.js";
import { openGround, type Ground } from "./ground.js";
import { wholeLife } from "./life-on-chain.js";
import {
  byHandReadable,
  describeInterruption,
  interruptions,
  moments,
  types,
  type Interruption,
} from "./interrupted-engine.js";

/* `npm test` plays one round; `npm run soak` plays as many as the product has entries, and so every one. */
let rehearsal: Rehearsal;
beforeAll(async () => {
  rehearsal = await openRehearsal();
}, 600_000);
afterAll(() => rehearsal.end());

const product = types.flatMap((type) =>
  moments.flatMap((moment) => interruptions.map((how) => ({ type, moment, how }))),
);
/** Strides that share no factor with the product's size: ups and destroys meet in ever other pairs. */
const of = (seed: number, stride: number) => product[(seed * stride) % product.length] ?? expect.unreachable();

/** One life, interrupted once on its way in and once on its way out, and taken up again each time. */
async function play(ground: Ground, seed: number): Promise<string[]> {
  const wrong: string[] = [];
  const must = async (what: string, run: Promise<{ code: number | null; stdout: string; stderr: string }>) => {
    const { code, stdout, stderr } = await run;
    if (code !== 0) wrong.push(`${what} ended with ${code}: ${stdout.slice(-400)}${stderr.slice(-400)}`);
  };
  const byHand = seed % 2 === 0;
  const pulumi: Ground["pulumi"] = (...args) =>
    seed % 3 === 0 ? ground.elsewhere("pulumi", ...args) : ground.pulumi(...args);
  const fleet: Ground["fleet"] = (...args) =>
    seed % 3 === 0 ? ground.elsewhere("fleet", ...args) : ground.fleet(...args);
  const now = ["--yes", "--skip-preview"];

  await interrupt(ground, { command: "up", ...of(seed, 7) });
  if (byHand) {
    await byHandReadable(ground.rehearsal.folders);
    await pulumi("cancel", "--yes"); // fails where there is nothing to unlock
    await must("up", pulumi("up", ...now));
    await must("refresh", pulumi("refresh", ...now, "--clear-pending-creates"));
  } else {
    await must("fleet repair", fleet("repair", "--yes"));
    await must("fleet up", fleet("up", "--yes"));
  }
  const { fundings, registrations, isRegistered } = await ground.count();
  if (fundings !== 1 || registrations !== 1 || !isRegistered)
    wrong.push(`after the up: ${fundings} fundings, ${registrations} registrations`);

  await interrupt(ground, { command: "destroy", ...of(seed, 11) });
  if (byHand) {
    await byHandReadable(ground.rehearsal.folders);
    await pulumi("cancel", "--yes");
    await must("destroy", pulumi("destroy", ...now));
  } else await must("fleet destroy", fleet("destroy", "--yes"));
  const end = await ground.count();
  if (JSON.stringify(end, plain) !== JSON.stringify(wholeLife, plain))
    wrong.push(`in the end: ${JSON.stringify(end, plain)}`);
  return wrong;
}

const plain = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString() : value);

async function interrupt(ground: Ground, interruption: Interruption): Promise<void> {
  const { command, type, moment } = interruption;
  if (moment === "in flight" && type === "Registration") await ground.withhold("worker");
  if (moment === "in flight" && type === "Funding" && command === "up") await ground.withhold("treasury");
  await ground.interrupt(interruption);
}

const rounds = Array.from({ length: soak.rounds(1) }, (_, index) => soak.seed + index);
test.each(
  soak
    .mine(rounds)
    .map(
      (seed) =>
        [
          `${describeInterruption({ command: "up", ...of(seed, 7) })}, then ${describeInterruption({ command: "destroy", ...of(seed, 11) })} (seed ${seed})`,
          seed,
        ] as const,
    ),
)("one life: %s", async (_, seed) => {
  const ground = await openGround(rehearsal, `worker-${seed}`);
  try {
    const wrong = await play(ground, seed);
    soak.report({ what: "an engine killed on the way in and on the way out", seed, wrong });
    expect(wrong, soak.replay(seed)).toEqual([]);
  } finally {
    await ground.end();
  }
});

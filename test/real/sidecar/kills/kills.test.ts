import type { ChildProcess } from "node:child_process";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { stopProcess } from "../../../../system/process.js";
import { randomOf, soak } from "../../soak.js";
import { prepareGround, type Ground } from "./ground.js";
import { playRound, type Chances } from "./round.js";
import { stages } from "./stages.js";

let ground: Ground;
let running: ChildProcess;
beforeAll(async () => {
  ground = await prepareGround();
  running = ground.running;
});
afterEach(() => {
  ground.devnet.faults.clear();
  ground.ollama.resume();
});
afterAll(async () => {
  await stopProcess(running);
  await ground.stop();
});

/* Each stage once; `npm run soak` asks for more rounds, which chance varies. */
const rounds = soak.rounds(1);
const chancesOf = (seed: number): Chances => {
  const random = randomOf(seed);
  return {
    lingersMs: Math.floor(random() * 40),
    isFreedFirst: random() < 0.5,
    killedAgainMs: random() < 0.4 ? Math.floor(random() * 3_000) : null,
  };
};

const played = Array.from({ length: rounds }, (_, round) =>
  stages.map((stage, index) => ({ stage, seed: soak.seed + round * 100 + index })),
);
test.each(soak.mine(played.flat()))(
  'a worker killed at "$stage.name" (seed $seed) completes the job, once',
  async ({ stage, seed }) => {
    const result = await playRound(ground, running, stage, chancesOf(seed));
    running = result.running;
    soak.report({ what: `kill at ${stage.name}`, seed, wrong: result.round.wrong });
    expect(result.round.wrong, soak.replay(seed)).toEqual([]);
  },
  120_000,
);

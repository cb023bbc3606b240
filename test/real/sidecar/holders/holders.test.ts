import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { stopProcess } from "../../../../system/process.js";
import { randomOf, soak } from "../../soak.js";
import { prepareGround } from "../kills/ground.js";
import type { Holders } from "./places.js";
import { kinds, playRound, type Chances } from "./round.js";

let holders: Holders;
beforeAll(async () => {
  const ground = await prepareGround();
  holders = { ground, places: [{ worker: ground.worker, process: ground.running }], epoch: 1 };
});
afterEach(() => holders.ground.ollama.resume());
afterAll(async () => {
  for (const { process } of holders.places) if (process !== null) await stopProcess(process);
  await holders.ground.stop();
});

const chancesOf = (seed: number): Chances => {
  const random = randomOf(seed);
  return {
    kind: kinds[seed % kinds.length] ?? kinds[0],
    afterMs: Math.floor(random() * 900),
    isKilled: random() < 0.3,
    restartMs: random() < 0.4 ? Math.floor(random() * 2_000) : null,
    heldAfter: random() < 0.6 ? Math.floor(random() * 6) : null,
    isEmpty: random() < 0.5,
    hasPublished: random() < 0.5,
  };
};

const rounds = Array.from({ length: kinds.length * soak.rounds(1) }, (_, round) => chancesOf(soak.seed + round));
test.each(soak.mine(rounds.map((chances, round) => [chances.kind, soak.seed + round, chances] as const)))(
  "after %s nobody has signed a second answer (seed %i)",
  async (what, seed, chances) => {
    const wrong = await playRound(holders, chances);
    soak.report({ what, seed, wrong });
    expect(wrong, soak.replay(seed)).toEqual([]);
  },
  180_000,
);

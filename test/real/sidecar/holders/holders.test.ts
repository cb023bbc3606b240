import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { stopProcess } from "../../../../system/process.js";
import { randomOf, soak } from "../../soak.js";
import { prepareGround } from "../kills/ground.js";
import { playRound, type Chances, type Holders } from "./round.js";

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
    copyMs: Math.floor(random() * 900),
    isKilled: random() < 0.3,
    restartMs: random() < 0.4 ? Math.floor(random() * 2_000) : null,
    heldAfter: random() < 0.6 ? Math.floor(random() * 6) : null,
  };
};

const seeds = Array.from({ length: soak.rounds(5) }, (_, round) => soak.seed + round);
test.each(seeds)(
  "of a worker whose disk is copied in the middle of a job, nobody signs a second answer (seed %i)",
  async (seed) => {
    const wrong = await playRound(holders, chancesOf(seed));
    soak.report({ what: "a copied disk", seed, wrong });
    expect(wrong, soak.replay(seed)).toEqual([]);
  },
  180_000,
);

import { expect, test } from "vitest";
import { stillNeeded, unwanted } from "../../../components/service/retiring.js";
import { modelName } from "../../../schema/units.js";
import { createSimulation } from "../../simulation/simulation.js";

const [a, b, c] = [modelName("a"), modelName("b"), modelName("c")];
const status = (models: readonly { name: typeof a; needed: boolean }[]) => ({
  ...createSimulation().boot().sidecar.status(),
  models: models.map((one) => ({ ...one, id: `0x${"11".repeat(32)}` as never, supported: false, eligible: false })),
});

test("what was served or retiring, and is wanted no more, is unwanted, each once", () => {
  expect(unwanted({ models: [a, b], retiring: [] }, [a])).toEqual([b]);
  expect(unwanted({ models: [a], retiring: [b, c] }, [b])).toEqual([a, c]);
  expect(unwanted({ models: [a], retiring: [a] }, [])).toEqual([a]);
  expect(unwanted({ models: [a], retiring: [b] }, [a, b])).toEqual([]);
});

test("only what the sidecar calls needed is kept, and nothing that it is not set up for", () => {
  const said = status([
    { name: a, needed: true },
    { name: b, needed: false },
  ]);
  expect(stillNeeded([a, b, c], said)).toEqual([a]);
});

test("from a sidecar that does not answer nothing is taken away", () =>
  expect(stillNeeded([a, b], undefined)).toEqual([a, b]));

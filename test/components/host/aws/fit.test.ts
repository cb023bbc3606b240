import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fit, type FitOptions } from "../../../../components/host/aws/fit.js";
import { gpuInstanceTypes, usdPerMonth } from "../../../../components/host/aws/instance-types.js";
import { needsOf, type ModelNeeds } from "../../../../components/models/needs.js";
import { gpuMemory } from "../../../../host/preflight/gpu.js";
import { wantsSchema } from "../../../../schema/host.js";

const usual: FitOptions = { contextTokens: 8_192, parallel: 1 };
const namesOf = (names: readonly string[], options: Partial<FitOptions> = {}): string[] =>
  fit(names.map(needsOf), { ...usual, ...options }).fits.map(({ type }) => type.name);

describe("the cheapest type", () => {
  test.each<[what: string, models: string[], options: Partial<FitOptions>, cheapest: string | undefined]>([
    ["for a model of 8 billion parameters is the smallest", ["llama3-8b"], {}, "g5g.xlarge"],
    ["for it on x64 alone is the next", ["llama3-8b"], { architecture: "x64" }, "g4dn.xlarge"],
    ["for it with a context of 131,072 has a larger GPU", ["llama3-8b"], { contextTokens: 131_072 }, "g6.xlarge"],
    ["for 16 answers of 8,192 tokens at a time is that one too", ["llama3-8b"], { parallel: 16 }, "g6.xlarge"],
    ["for one of 30 billion is an L4, barely", ["qwen3-vl:30b"], {}, "g6.xlarge"],
    ["for one of 30 billion with more context is not", ["qwen3-vl:30b"], { contextTokens: 131_072 }, "g6e.xlarge"],
    ["for one of 70 billion is an L40S", ["llama3-70b"], {}, "g6e.xlarge"],
    ["for one of 70 billion with more context is not", ["llama3-70b"], { contextTokens: 65_536 }, "g7e.2xlarge"],
    ["for two models holds both at once", ["llama3-8b", "qwen3-vl:8b"], {}, "g6.xlarge"],
    ["for more than all GPUs have is none", ["llama3-70b", "gpt-oss:120b"], {}, undefined],
  ])("%s", (_, models, options, cheapest) => expect(namesOf(models, options)[0]).toBe(cheapest));

  test("is the first, and of those that do not fit each says why", () => {
    const { fits, others } = fit([needsOf("qwen3-vl:30b")], usual);
    const prices = fits.map(({ type }) => type.usdPerHour);
    expect(prices).toEqual([...prices].sort((a, b) => a - b));
    expect(others).toMatchObject([
      { type: { name: "g5g.xlarge" }, why: "qwen3-vl:30b takes 20.2 GiB, it has 15.0 GiB" },
      { type: { name: "g4dn.xlarge" }, why: "qwen3-vl:30b takes 20.2 GiB, it has 15.0 GiB" },
    ]);
  });
});

test("a type that would hold each model, but not all, says that it would load them in turn", () => {
  const { others } = fit([needsOf("llama3-8b"), needsOf("qwen3-vl:8b")], usual);
  expect(others.find(({ type }) => type.name === "g4dn.xlarge")!.why).toMatch(
    /^only one model at a time: together they take 17\.\d GiB, it has 15\.0 GiB$/,
  );
});

test("a type with little memory beside its GPU is advised against", () => {
  const advice = fit([needsOf("llama3-8b")], usual).fits.map(({ type, advice: said }) => [type.name, said]);
  expect(advice.filter(([, said]) => said !== null)).toEqual([
    ["g5g.xlarge", "8 GiB of memory, less than the 16 that are advised"],
  ]);
});

test("a model of which nobody knows anything fits nowhere, and is named", () => {
  const { fits, others } = fit([needsOf("llama3-8b"), needsOf("stranger")], usual);
  expect(fits).toEqual([]);
  expect(new Set(others.map(({ why }) => why))).toEqual(new Set(["no figures are known of stranger"]));
});

test.each([
  ["no model", [], usual],
  ["a negative context", [needsOf("llama3-8b")], { ...usual, contextTokens: -1 }],
  ["half a token", [needsOf("llama3-8b")], { ...usual, contextTokens: 0.5 }],
  ["no answer at a time", [needsOf("llama3-8b")], { ...usual, parallel: 0 }],
])("%s is refused", (_, models, options) => expect(() => fit(models, options)).toThrow(RangeError));

describe("whatever the models", () => {
  const model = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    diskBytes: fc.nat(90e9),
    memoryBytes: fc.option(fc.nat(90e9)),
    contextBytesPerToken: fc.option(fc.nat(400_000)),
  });
  const models = fc.array(model, { minLength: 1, maxLength: 4 });
  const options = fc.record({ contextTokens: fc.nat(131_072), parallel: fc.integer({ min: 1, max: 8 }) });
  const fitting = (some: readonly ModelNeeds[], asked: FitOptions): Set<string> =>
    new Set(fit(some, asked).fits.map(({ type }) => type.name));

  test("each type is judged once, and what is free is never less than nothing", () =>
    fc.assert(
      fc.property(models, options, (some, asked) => {
        const { fits, others } = fit(some, asked);
        const all = [...fits, ...others].map(({ type }) => type.name);
        expect(all.sort()).toEqual(gpuInstanceTypes.map(({ name }) => name).sort());
        for (const { freeBytes } of fits) expect(freeBytes).toBeGreaterThanOrEqual(0);
      }),
    ));

  test("more models, more context or more answers at a time make no type fit that did not", () =>
    fc.assert(
      fc.property(models, model, options, fc.nat(50_000), fc.nat(4), (some, one, asked, tokens, answers) => {
        const more = { contextTokens: asked.contextTokens + tokens, parallel: asked.parallel + answers };
        const before = fitting(some, asked);
        expect([...fitting([...some, one], more)].filter((name) => !before.has(name))).toEqual([]);
      }),
    ));

  test("a machine that fits is one that its own preflight passes", () =>
    fc.assert(
      fc.property(models, options, (some, asked) => {
        const wants = wantsSchema.parse({
          models: some,
          ollamaPort: 11_434,
          gpu: "required",
          contextLength: asked.contextTokens * asked.parallel,
        });
        for (const { type } of fit(some, asked).fits) {
          const cards = Array.from({ length: type.gpus }, (_, index) => ({
            ...{ index: String(index), uuid: `GPU-${index}`, name: type.gpu },
            memoryBytes: (type.vramMib / type.gpus) * 1024 ** 2,
          }));
          expect(gpuMemory.judge(cards, wants)).toMatchObject({ verdict: "pass" });
        }
      }),
    ));
});

describe("the table", () => {
  test("names each type once, with figures that can be", () => {
    expect(new Set(gpuInstanceTypes.map(({ name }) => name)).size).toBe(gpuInstanceTypes.length);
    for (const one of gpuInstanceTypes) {
      expect(one.name).toMatch(/^[a-z0-9]+\.[0-9]*x?large$/);
      expect([one.vramMib % one.gpus, one.vramMib / one.gpus > 14_000, one.usdPerHour > 0.1]).toEqual([0, true, true]);
    }
  });

  test.each([
    ["g5g.xlarge", 307],
    ["g4dn.xlarge", 384],
    ["g6e.xlarge", 1359],
    ["p5.4xlarge", 5022],
  ])("%s costs %d USD in a month of 730 hours", (name, usd) =>
    expect(usdPerMonth(gpuInstanceTypes.find((one) => one.name === name)!)).toBe(usd),
  );
});

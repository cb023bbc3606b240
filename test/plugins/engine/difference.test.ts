import { describe, expect, test } from "vitest";
import { difference } from "./difference.js";
import { done } from "./done.js";
import type { ResourceType } from "./resource-type.js";

const type: ResourceType = {
  inputs: {},
  computed: [],
  replaces: ["place", "disk.encrypted"],
  keptWhenLeftOut: ["place", "speed"],
  meaning: (name, value) => (name === "members" ? [...(value as string[])].sort() : value),
  replacesToo: async (changed, _, after) => (changed.includes("script") && after["strict"] === true ? ["script"] : []),
  deleteBeforeReplace: (before, after) => before["name"] === after["name"],
  create: async () => ({}),
  update: async () => ({}),
  delete: async () => undefined,
};

describe("what differs between two runs", () => {
  test.each<[what: string, before: object, after: object, changed: string[], replaces: string[]]>([
    ["nothing", { a: 1 }, { a: 1 }, [], []],
    ["a value", { a: 1 }, { a: 2 }, ["a"], []],
    ["one that came", {}, { a: 1 }, ["a"], []],
    ["one that went", { a: 1 }, {}, ["a"], []],
    ["one that went and stays as it is", { speed: 1 }, {}, [], []],
    ["one that makes another", { place: "a" }, { place: "b" }, ["place"], ["place"]],
    ["one that came and makes another", {}, { place: "b" }, ["place"], ["place"]],
    ["the order of a set", { members: ["a", "b"] }, { members: ["b", "a"] }, [], []],
    ["a part that does not make another", { disk: { size: 1 } }, { disk: { size: 2 } }, ["disk"], []],
    ["a part that does", { disk: { encrypted: false } }, { disk: { encrypted: true } }, ["disk"], ["disk"]],
    ["a part that is left out", { disk: { encrypted: true, size: 1 } }, { disk: { size: 1 } }, ["disk"], []],
    ["what makes another at times, now not", { script: "a" }, { script: "b" }, ["script"], []],
    ["and now", { script: "a", strict: true }, { script: "b", strict: true }, ["script"], ["script"]],
  ])("%s", async (_, before, after, changed, replaces) => {
    const found = await difference(type, { ...before }, { ...after }, []);
    expect(found).toMatchObject({ changed, replaces });
  });

  test("is not what the program wants ignored", async () => {
    expect((await difference(type, { place: "a" }, { place: "b" }, ["place"])).replaces).toEqual([]);
  });

  test("says who goes first, where there is another at all", async () => {
    const first = async (before: object, after: object) =>
      (await difference(type, { ...before }, { ...after }, [])).deleteBeforeReplace;
    expect(await first({ name: "n", place: "a" }, { name: "n", place: "b" })).toBe(true);
    expect(await first({ name: "n", place: "a" }, { name: "m", place: "b" })).toBe(false);
    expect(await first({ name: "n", a: 1 }, { name: "n", a: 2 })).toBe(false);
  });
});

test.each<[what: string, inputs: object, where: string[]]>([
  ["what is done", { name: "a", whole: { any: 1 }, disk: { size: 1 }, rules: [{ id: "a" }] }, []],
  ["what is not", { name: "a", other: 1 }, ["other"]],
  ["what is not in a block", { disk: { size: 1, speed: 2 } }, ["disk.speed"]],
  ["what is not in a list", { rules: [{ id: "a" }, { id: "b", when: "now" }] }, ["rules[1].when"]],
  ["what is left out by null", { other: null }, []],
])("a stand-in refuses what it does not do: %s", (_, inputs, where) => {
  const refused = done(["name", "whole", "disk.size", "rules.id"])({ ...inputs });
  expect(refused.map(({ property }) => property)).toEqual(where);
});

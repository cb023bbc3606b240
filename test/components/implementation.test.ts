import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { implement, PartlyDone, unknownValue } from "../../components/implementation.js";
import { FleetError } from "../../schema/errors.js";
import { weiSchema } from "../../schema/json.js";

class Refused extends FleetError {
  constructor() {
    super("LF1999", "It was refused.", { fix: "ask nicely" });
  }
}

const calls: string[] = [];
const thing = implement({
  inputs: z.object({
    name: z.string(),
    where: z.object({ port: z.number(), place: z.string() }),
    amount: weiSchema,
    seenIn: z.string().default(""),
  }),
  computed: z.object({ made: z.string() }),
  identity: ["name", "where.place"],
  incidental: ["seenIn"],
  create: async ({ name, amount }) => {
    if (name === "refused") throw new Refused();
    if (name === "half") throw new PartlyDone("id-half", { made: "half" }, new Refused());
    return { id: name, computed: { made: `${amount}` } };
  },
  update: async ({ amount }) => ({ made: `${amount}` }),
  drifted: async ({ name }) => name === "drifted",
  delete: async ({ made }) => void calls.push(made),
});
const inputs = (change: object = {}) => ({ name: "a", where: { port: 1, place: "here" }, amount: "5", ...change });

describe("a resource behind a late provider", () => {
  test("keeps its inputs beside what was made, so that a delete has everything", async () => {
    const outs = (await thing.create(inputs())).outs as object;
    expect(outs).toEqual({ ...inputs(), made: "5" });
    await thing.delete("a", outs);
    expect(calls).toEqual(["5"]);
  });

  test("lets a preview's unknown values pass its check, and refuses wrong ones by name", async () => {
    expect(await thing.check({}, inputs({ name: unknownValue }))).toEqual({ inputs: inputs({ name: unknownValue }) });
    const { failures } = await thing.check({}, inputs({ where: { port: "x", place: "here" } }));
    expect(failures?.[0]?.property).toBe("where.port");
  });

  test.each<[situation: string, news: object, changes: boolean, replaces: string[]]>([
    ["nothing differs", inputs(), false, []],
    ["keys in another order", { amount: "5", where: { place: "here", port: 1 }, name: "a" }, false, []],
    ["where a checkout found it", inputs({ seenIn: "/elsewhere" }), false, []],
    ["how to reach it", inputs({ where: { port: 2, place: "here" } }), true, []],
    ["which thing it is", inputs({ where: { port: 1, place: "there" } }), true, ["where"]],
    ["which thing it is, not known yet", inputs({ name: unknownValue }), true, ["name"]],
  ])("diff: %s", async (_, news, changes, replaces) => {
    const result = await thing.diff("a", { ...inputs(), made: "5" }, news);
    expect(result).toEqual({ changes, replaces, deleteBeforeReplace: true });
  });

  test("lets another one be made before it goes, where both may be", async () => {
    const overlapping = implement({
      inputs: z.object({ where: z.object({ place: z.string() }) }),
      computed: z.object({}),
      identity: ["where.place"],
      overlaps: true,
      create: async () => ({ id: "a", computed: {} }),
      update: async () => ({}),
      delete: async () => undefined,
    });
    const news = inputs({ where: { port: 1, place: "there" } });
    const { replaces, deleteBeforeReplace } = await overlapping.diff("a", inputs(), news);
    expect([replaces, deleteBeforeReplace]).toEqual([["where"], false]);
  });

  test("is changed when what is out there drifted", async () => {
    const state = inputs({ name: "drifted" });
    expect((await thing.diff("a", { ...state, made: "5" }, state)).changes).toBe(true);
  });

  test("shows a person's mistake as one line without a stack", async () => {
    const error: Error = await thing.create(inputs({ name: "refused" })).then(
      () => expect.unreachable(),
      (thrown: unknown) => thrown as Error,
    );
    expect(error.message).toBe("LF1999: It was refused. Next: ask nicely");
    expect(error.stack).toBe(error.message);
  });

  test("is remembered with its inputs when only a part was done", async () => {
    await expect(thing.create(inputs({ name: "half" }))).rejects.toMatchObject({
      id: "id-half",
      properties: { ...inputs({ name: "half" }), made: "half" },
      reasons: ["LF1999: It was refused. Next: ask nicely"],
    });
  });

  test("knows Pulumi's own mark for an unknown value", () => {
    expect(unknownValue).toBe(pulumi.runtime.unknownValue);
  });
});

import { describe, expect, test } from "vitest";
import {
  afterTrial,
  bringsAnotherBundle,
  collectable,
  emptyDocument,
  isEmpty,
  isModelWanted,
  namedBundles,
  namedModels,
  onTrial,
  withoutRetired,
  withSection,
} from "../../host/document.js";
import { RuntimeDisagreement, StillServed } from "../../host/document.js";
import { differences } from "../../host/differences.js";
import { documentSchema, modelSectionSchema, runtimeSectionSchema, serviceSectionSchema } from "../../schema/host.js";

const runtime = (port = 11500) => runtimeSectionSchema.parse({ kind: "runtime", ollama: "/usr/bin/ollama", port });
const model = (name: string) => modelSectionSchema.parse({ kind: "model", name, source: name, digest: null });
const service = (...models: string[]) =>
  serviceSectionSchema.parse({
    kind: "service",
    bundle: `0x${"11".repeat(32)}`,
    settings: {
      ...{ worker: "a", host: "here", address: `0x${"22".repeat(20)}`, models, stateFolder: "/state" },
      network: {
        name: "n",
        chainId: 1,
        endpoints: { rpc: "http://127.0.0.1", beacon: "http://127.0.0.1", gateway: "http://127.0.0.1" },
        contracts: { workerRegistry: `0x${"33".repeat(20)}` },
      },
      inference: { ollamaUrl: "http://127.0.0.1" },
    },
  });
const change = (
  worker: string,
  section: "runtime" | "model" | "service",
  desired: ReturnType<typeof runtime> | ReturnType<typeof model> | ReturnType<typeof service> | null,
  name?: string,
) => ({ worker, section, desired, name }) as const;

describe("a host's document", () => {
  test("counts who needs the runtime, and is empty when the last one is gone", () => {
    const one = withSection(emptyDocument, change("a", "runtime", runtime()));
    const two = withSection(one, change("b", "runtime", runtime()));
    expect(isEmpty(withSection(two, change("a", "runtime", null)))).toBe(false);
    expect(isEmpty(withSection(withSection(two, change("a", "runtime", null)), change("b", "runtime", null)))).toBe(
      true,
    );
  });

  test("refuses two owners that want one runtime differently", () => {
    const one = withSection(emptyDocument, change("a", "runtime", runtime()));
    expect(() => withSection(one, change("b", "runtime", runtime(11600)))).toThrow(RuntimeDisagreement);
  });

  test("lets an owner change its own mind while it is the only one", () => {
    const one = withSection(emptyDocument, change("a", "runtime", runtime()));
    expect(withSection(one, change("a", "runtime", runtime(11600))).runtime["a"]?.port).toBe(11600);
  });

  test("keeps a model as long as any worker wants it", () => {
    const both = withSection(
      withSection(emptyDocument, change("a", "model", model("m"))),
      change("b", "model", model("m")),
    );
    const one = withSection(both, change("a", "model", null, "m"));
    expect(isModelWanted(one, "m")).toBe(true);
    expect(isModelWanted(withSection(one, change("b", "model", null, "m")), "m")).toBe(false);
  });

  test("forgets a worker with its last section", () => {
    const one = withSection(emptyDocument, change("a", "model", model("m")));
    const retired = withSection(one, change("a", "model", null, "m"));
    expect(isEmpty(retired)).toBe(false); // its weights are still there
    expect(withoutRetired(retired, collectable(retired)[0]!)).toEqual(emptyDocument);
  });

  describe("of a worker that serves m and n, when m is taken out,", () => {
    const names = (document: typeof emptyDocument) => collectable(document).map(({ section }) => section.name);
    const both = [
      change("a", "model", model("m")),
      change("a", "model", model("n")),
      change("a", "service", service("m", "n")),
    ].reduce(withSection, emptyDocument);
    const without = withSection(both, change("a", "model", null, "m"));

    test("keeps m's weights as long as the sidecar is set up for it", () => {
      expect([names(without), isModelWanted(without, "m")]).toEqual([[], true]);
      const other = withSection(without, change("b", "model", model("k")));
      expect(names(other)).toEqual([]);
    });

    test("lets them go when the sidecar is set up without it, or is gone", () => {
      expect(names(withSection(without, change("a", "service", service("n"))))).toEqual(["m"]);
      expect(names(withSection(without, change("a", "service", null)))).toEqual(["m"]);
    });

    test("lets them go at once when the sidecar was set up without it before", () => {
      const changed = withSection(both, change("a", "service", service("n")));
      expect(names(changed)).toEqual([]);
      expect(names(withSection(changed, change("a", "model", null, "m")))).toEqual(["m"]);
    });

    test("has it back with all its rights", () => {
      const back = withSection(without, change("a", "model", model("m")));
      expect(back).toEqual({ ...both, workers: { a: { ...both.workers["a"]!, models: back.workers["a"]!.models } } });
      expect(names(withSection(back, change("a", "service", service("n"))))).toEqual([]);
    });

    test("leaves the weights to another worker that wants them", () => {
      const shared = withSection(without, change("b", "model", model("m")));
      const dropped = withSection(shared, change("a", "service", service("n")));
      expect([names(dropped), isModelWanted(dropped, "m")]).toEqual([["m"], true]);
    });

    test("is read from documents that do not know of it", () => {
      const { models, service: section } = both.workers["a"]!;
      expect(documentSchema.parse({ ...both, workers: { a: { models, service: section } } })).toEqual(both);
    });
  });

  describe("whose last runtime goes", () => {
    const ready = withSection(
      withSection(emptyDocument, change("h", "runtime", runtime())),
      change("a", "model", model("m")),
    );
    test("is empty, models that a killed run left included", () =>
      expect(withSection(ready, change("h", "runtime", null))).toEqual(emptyDocument));
    test("is refused while a service is there that nobody took out", () => {
      const served = withSection(ready, change("a", "service", service("m")));
      expect(() => withSection(served, change("h", "runtime", null))).toThrow(StillServed);
      const shared = withSection(served, change("i", "runtime", runtime()));
      expect(withSection(shared, change("h", "runtime", null)).runtime).toEqual({ i: runtime() });
    });
  });

  test("says in words what a change would mean, and nothing when it means nothing", () => {
    const before = withSection(emptyDocument, change("a", "model", model("m")));
    const after = withSection(withSection(before, change("a", "model", model("n"))), change("a", "runtime", runtime()));
    expect(differences(before, after)).toEqual(["add runtime for a", "add model n of a"]);
    expect(differences(after, before)).toEqual(["remove runtime for a", "remove model n of a"]);
    expect(differences(before, withSection(before, change("a", "model", null, "m")))).toEqual([
      "add retired model m of a",
      "remove model m of a",
    ]);
    expect(differences(after, after)).toEqual([]);
  });

  test("names each setting of a section that changes, however deep, and both its values", () => {
    const before = [change("a", "runtime", runtime()), change("a", "service", service("m"))].reduce(
      withSection,
      emptyDocument,
    );
    const [old] = [before.workers["a"]!.service!];
    const settings = { ...old.settings, jobs: { ...old.settings.jobs, maxConcurrentJobs: 5 } };
    const next = { ...old, bundle: `0x${"44".repeat(32)}` as const, settings };
    const after = [change("a", "runtime", runtime(11600)), change("a", "service", next)].reduce(withSection, before);
    expect(differences(before, after)).toEqual([
      "change runtime for a: port 11500 → 11600",
      `change service of a: bundle 0x${"11".repeat(32)} → 0x${"44".repeat(32)}, settings.jobs.maxConcurrentJobs 2 → 5`,
    ]);
    const pinned = { ...runtime(), ollama: { version: "0.14.2", sha256: "ab".repeat(32) } };
    expect(differences(before, withSection(before, change("a", "runtime", pinned)))).toEqual([
      `change runtime for a: ollama /usr/bin/ollama → none, ollama.version none → 0.14.2, ollama.sha256 none → ${"ab".repeat(32)}`,
    ]);
  });
});

describe("a new bundle of a service", () => {
  const [one, two, three] = ["11", "22", "33"].map((n) => `0x${n.repeat(32)}` as const);
  const of = (bundle: `0x${string}`, ...models: string[]) => ({
    ...service(...(models.length > 0 ? models : ["m"])),
    bundle,
  });
  const serve = (document: typeof emptyDocument, section: ReturnType<typeof of> | null) =>
    withSection(document, change("a", "service", section));
  const served = serve(emptyDocument, of(one!, "m", "n"));
  const tried = onTrial(served, serve(served, of(two!)), "a");
  const entry = (document: typeof emptyDocument) => document.workers["a"];

  test("is told from new settings, from a first service, and from the end of one", () => {
    const brings = (before: typeof emptyDocument, after: typeof emptyDocument) =>
      bringsAnotherBundle(before, after, "a");
    expect(brings(served, serve(served, of(two!)))).toBe(true);
    expect(brings(served, serve(served, of(one!, "k")))).toBe(false);
    expect(brings(emptyDocument, served)).toBe(false);
    expect(brings(served, serve(served, null))).toBe(false);
    expect(bringsAnotherBundle(served, serve(served, of(two!)), "b")).toBe(false);
  });

  test("keeps what served before, its weights and its bundle, until it has proven itself", () => {
    expect(entry(tried)).toMatchObject({ service: { bundle: two }, fallback: { bundle: one } });
    expect([...namedBundles(tried)].sort()).toEqual([one, two]);
    expect([...namedModels(tried)].sort()).toEqual(["m", "n"]);
    expect(isModelWanted(tried, "n")).toBe(true);
  });

  test("that has proven itself leaves the one before on the host, and nothing of its models", () => {
    const proven = afterTrial(tried, "a", "proven");
    expect(entry(proven)).toMatchObject({ service: { bundle: two }, fallback: null, previousBundle: one });
    expect([...namedBundles(proven)].sort()).toEqual([one, two]);
    expect(isModelWanted(proven, "n")).toBe(false);
    const next = afterTrial(onTrial(proven, serve(proven, of(three!)), "a"), "a", "proven");
    expect([...namedBundles(next)].sort()).toEqual([two, three]);
  });

  test("that has not is gone from the document, and what served before is there as it was", () => {
    const back = afterTrial(tried, "a", "rolled back");
    expect(entry(back)).toEqual(entry(served));
  });

  test("after a trial that was cut off does not make the unproven one what is put back", () => {
    const cutOff = serve(tried, of(three!));
    expect(bringsAnotherBundle(tried, cutOff, "a")).toBe(false);
    expect(entry(cutOff)).toMatchObject({ service: { bundle: three }, fallback: { bundle: one } });
  });

  test("that is taken back by hand puts nothing on trial, and the end of a service forgets all of it", () => {
    expect(entry(serve(tried, of(one!)))).toMatchObject({ service: { bundle: one }, fallback: null });
    expect(serve(tried, null)).toEqual(emptyDocument);
    expect(afterTrial(served, "a", "proven")).toEqual(served);
  });

  test("is read from documents that do not know of trials", () => {
    const { models, retired, service: section } = entry(served)!;
    const older = { models, retired, service: section };
    expect(documentSchema.parse({ ...served, workers: { a: older } })).toEqual(served);
  });
});

import { describe, expect, test } from "vitest";
import { emptyDocument, isEmpty, isModelWanted, RuntimeDisagreement, withSection } from "../../host/document.js";
import { differences } from "../../host/reconcile.js";
import { modelSectionSchema, runtimeSectionSchema } from "../../schema/host.js";

const runtime = (port = 11500) => runtimeSectionSchema.parse({ kind: "runtime", ollama: "/usr/bin/ollama", port });
const model = (name: string) => modelSectionSchema.parse({ kind: "model", name, source: name, digest: null });
const change = (
  worker: string,
  section: "runtime" | "model",
  desired: ReturnType<typeof runtime> | ReturnType<typeof model> | null,
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
    expect(withSection(one, change("a", "model", null, "m"))).toEqual(emptyDocument);
  });

  test("says in words what a change would mean, and nothing when it means nothing", () => {
    const before = withSection(emptyDocument, change("a", "model", model("m")));
    const after = withSection(withSection(before, change("a", "model", model("n"))), change("a", "runtime", runtime()));
    expect(differences(before, after)).toEqual(["add runtime for a", "add model n of a"]);
    expect(differences(after, before)).toEqual(["remove runtime for a", "remove model n of a"]);
    expect(differences(after, after)).toEqual([]);
  });
});

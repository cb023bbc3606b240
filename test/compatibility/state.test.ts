import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { implementations } from "../../components/providers.js";
import { stateOf } from "../../scripts/ops/pending.js";
import { quoteDestroy } from "../../scripts/ops/quote.js";
import { fixtures, stillReads, withNewFields, type Fixture } from "./fixtures.js";
import { pinnedProvider } from "./pinned-provider.js";

/*
 * A stack that another version made, in the hands of this one: through the provider text that the state pins, down to the real implementations. What the state
 * speaks of is not there any more but for the key's record, so that each method comes to its end without changing anything.
 */
const properties = z.record(z.string(), z.unknown());
const exported = z.looseObject({
  deployment: z.looseObject({
    resources: z.array(
      z.looseObject({
        type: z.string(),
        id: z.string().optional(),
        inputs: properties.optional(),
        outputs: properties.optional(),
      }),
    ),
  }),
});

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "lf-state-"));
  await mkdir(join(root, "keys"), { mode: 0o700 });
  await writeFile(join(root, "passphrase"), "the fixture's passphrase\n", { mode: 0o600 });
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  vi.stubEnv("LIGHTCHAIN_PASSPHRASE_FILE", join(root, "passphrase"));
  vi.stubEnv("LIGHTCHAIN_SKIP_DEREGISTER", "1");
});
afterEach(() => void vi.unstubAllEnvs());

/** Nothing answers there. */
const offline = (text: string): string => text.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, "http://127.0.0.1:1");
function resourcesOf(fixture: Fixture) {
  const { deployment } = exported.parse(JSON.parse(offline(fixture.text("state.json", root))));
  return deployment.resources.flatMap(({ type, id, inputs, outputs }) => {
    const kind = /dynamic\/lightchain:(\w+)$/.exec(type)?.[1];
    if (kind === undefined || id === undefined || inputs === undefined || outputs === undefined) return [];
    return [{ kind, id, inputs, outputs, provider: pinnedProvider(String(outputs["__provider"])) }];
  });
}
const newer = <T>(value: T): T => withNewFields(value) as T;

describe.each(fixtures)("a stack that $version made", (fixture) => {
  beforeEach(() =>
    writeFile(join(root, "keys", "worker-48221-home.json"), fixture.text("record.sealed.json"), { mode: 0o600 }),
  );
  const each = async (
    what: string,
    use: (resource: ReturnType<typeof resourcesOf>[number]) => Promise<void>,
  ): Promise<void> => {
    for (const resource of resourcesOf(fixture))
      await stillReads(fixture, `${resource.kind} at its ${what}`, () => use(resource));
  };

  test("has only resources whose kinds there still are, two models among them", () => {
    const kinds = resourcesOf(fixture).map(({ kind }) => kind.toLowerCase());
    expect(kinds.length).toBeGreaterThan(6);
    expect(Object.keys(implementations)).toEqual(expect.arrayContaining(kinds));
    expect(kinds.filter((kind) => kind === "model")).toHaveLength(2);
  });

  test("passes each check", () =>
    each("check", async ({ provider, inputs }) => {
      expect((await provider.check(inputs, inputs)).failures).toBeUndefined();
    }));

  test("has not changed as long as its inputs have not", () =>
    each("diff", async ({ kind, provider, id, inputs, outputs }) => {
      if (kind === "Registration" || kind === "Funding") return; // they ask the chain
      const isGone = kind === "Host" || kind === "Service"; // their machine is, and that is a change
      expect(await provider.diff(id, outputs, inputs)).toMatchObject({ changes: isGone, replaces: [] });
    }));

  test.each(["as it was", "as a newer version has added to it"])("is read by a refresh, %s", (how) =>
    each("read", async ({ kind, provider, id, outputs }) => {
      const state = how === "as it was" ? outputs : newer(outputs);
      const read = await provider.read(id, state);
      if (kind === "Host") return expect(read).toEqual({}); // it is gone
      expect(read).toMatchObject({ id, props: without(outputs, "__provider") });
    }),
  );

  test.each(["as it was", "as a newer version has added to it"])("is deleted, %s", (how) =>
    each("delete", async ({ provider, id, outputs }) => {
      await provider.delete(id, how === "as it was" ? outputs : newer(outputs));
    }),
  );

  test("is quoted before a destroy", async () => {
    const state = stateOf(offline(fixture.text("state.json", root)));
    const quotes = await stillReads(fixture, "the state's Keys", () => quoteDestroy(state));
    expect(quotes).toMatchObject([{ worker: "home", trouble: expect.stringContaining("LF1212") as string }]);
  });
});

test("the Service's state of before there were retiring models is read", async () => {
  const [fixture] = fixtures;
  const service = resourcesOf(fixture!).find(({ kind }) => kind === "Service")!;
  const before = without(service.outputs, "retiring");
  await expect(service.provider.read(service.id, before)).resolves.toMatchObject({ props: { retiring: [] } });
});

const without = (props: Readonly<Record<string, unknown>>, key: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(props).filter(([name]) => name !== key));

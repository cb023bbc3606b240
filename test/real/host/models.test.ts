import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ollama } from "ollama";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { tinyModels, type TinyModelText } from "../../../devnet/model/answers.js";
import { startModelRegistry, type ModelRegistry } from "../../../devnet/model/registry.js";
import { asideName } from "../../../host/sections/model-names.js";
import { modelName } from "../../../schema/units.js";
import { freePort, isPortTaken } from "../../../system/net.js";
import { isAlive } from "../../../system/process.js";
import { startOllama } from "../devnet/model/ollama.js";
import { tool } from "../toolchain.js";
import { makeFakeBundle } from "./fake-bundle.js";
import { makeHost, until, type HostWorld } from "./world.js";

const poet = modelName("tiny-poet:1b");
const knows = (word: string): string =>
  tinyModels.find(({ name }) => name === poet)!.topics.find(({ words }) => words.includes(word))!.answer;
/** The same names, with other answers: what a registry serves after somebody moved its tags. */
const moved: readonly TinyModelText[] = tinyModels.map((text) => ({ ...text, otherwise: "Another model altogether." }));

let bundles: string;
let bundle: string;
let program: string;
beforeAll(async () => {
  program = await tool("ollama");
  bundles = await mkdtemp(join(tmpdir(), "fleet-bundles-"));
  bundle = await makeFakeBundle(join(bundles, "good"));
});
afterAll(() => rm(bundles, { recursive: true, force: true }));

let world: HostWorld;
let port: number;
let registry: ModelRegistry;
const stops: (() => Promise<void>)[] = [];
async function begin(): Promise<void> {
  world = await makeHost(bundle);
  stops.push(() => world.end());
  port = await freePort();
  registry = await startModelRegistry({ models: tinyModels });
  stops.push(() => registry.stop());
}
async function end(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

interface Runtime {
  owner?: string;
  ollama?: string;
  port?: number;
  gpu?: "required" | "none";
  strangers?: "keep" | "remove";
}
const runtime = ({ owner = "here", ...more }: Runtime = {}) =>
  world.host.call("reconcile", {
    worker: owner,
    section: "runtime",
    desired: { kind: "runtime", ollama: program, port, ...more },
  });
const noRuntime = (owner = "here") =>
  world.host.call("reconcile", { worker: owner, section: "runtime", desired: null });
interface Wanted {
  name?: string;
  source?: string;
  digest?: string | null;
  insecure?: boolean;
  worker?: string;
}
const model = (wanted: Wanted = {}) => {
  const { name = poet, source = registry.pullName(poet), digest = null, insecure = true, worker = "home" } = wanted;
  const desired = { kind: "model" as const, name, source, digest, insecure };
  return world.host.call("reconcile", { worker, section: "model", name, desired });
};
const noModel = (name: string = poet, worker = "home") =>
  world.host.call("reconcile", { worker, section: "model", name, desired: null });

/** What the host's own Ollama holds and says. */
const ollama = () => new Ollama({ host: `http://127.0.0.1:${port}` });
const listed = async (): Promise<Record<string, string>> =>
  Object.fromEntries((await ollama().list()).models.map(({ name, digest }) => [name, digest]));
const answer = async (prompt: string, name: string = poet): Promise<string> =>
  (await ollama().generate({ model: name, prompt, options: { temperature: 0, seed: 42 } })).response ?? "";
const digestIn = (one: ModelRegistry): string => one.digestOf(poet).replace("sha256:", "");

/** The registry serves something else under the same tags at the same address. */
async function serveInstead(models: readonly TinyModelText[]): Promise<void> {
  const { port: same } = new URL(registry.url);
  await registry.stop();
  registry = await startModelRegistry({ models, port: Number(same) });
}

describe("a host's Ollama and its models", () => {
  beforeEach(begin);
  afterEach(end);

  test("a model is pulled, called by the network's name, held to its digest and tried; doing it again changes nothing", async () => {
    const started = await runtime();
    expect(started.changes).toEqual([`started Ollama ${started.runtime!.version}`]);
    expect(started.runtime!.url).toBe(`http://127.0.0.1:${port}`);

    const first = await model();
    const digest = digestIn(registry);
    expect(first.changes).toEqual([`pulled model ${poet}`, `locked model ${poet} to ${digest.slice(0, 12)}`]);
    expect(first.model).toMatchObject({ name: poet, digest });
    expect(first.model!.sample).toMatch(/^I know few things by heart/);
    expect(first.model!.tokensPerSecond).toBeGreaterThan(0);
    expect(await listed()).toEqual({ [poet]: digest });
    expect(await answer("Tell me of the river")).toBe(knows("river"));

    const again = await runtime();
    expect(again.changes).toEqual([]);
    expect(again.runtime!.pid).toBe(started.runtime!.pid);
    const from = Date.now();
    const second = await model();
    expect(second.changes).toEqual([]);
    expect(second.model).toMatchObject({ digest, moved: null });
    expect(Date.now() - from).toBeLessThan(5_000);
  });

  test("only the last owner's leaving stops Ollama, and then nothing of it is left; the user's own Ollama is not touched", async () => {
    const users = await startOllama(program);
    stops.push(() => users.stop());
    await users.client.pull({ model: registry.pullName(poet), insecure: true });
    const before = await users.client.list();

    const { runtime: first } = await runtime();
    const { runtime: second } = await runtime({ owner: "there" });
    expect(second!.pid).toBe(first!.pid);
    await model();
    await model({ worker: "other" });
    expect((await noModel()).changes).toEqual([]);
    expect(await listed()).toHaveProperty([poet]);
    expect((await noModel(poet, "other")).changes).toEqual([`removed model ${poet}`]);
    expect(await listed()).toEqual({});
    expect(await readdir(join(world.root, "ollama/models/blobs"))).toEqual([]);

    expect((await noRuntime()).changes).toEqual([]);
    expect(isAlive(first!.pid!)).toBe(true);
    const supervisor = await world.supervisorPid();
    expect((await noRuntime("there")).changes).toEqual(["stopped Ollama"]);
    expect([isAlive(first!.pid!), isAlive(supervisor), await isPortTaken(port), existsSync(world.root)]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect((await users.client.list()).models).toEqual(before.models);
  });
});

describe("a model whose source changed under its tag", () => {
  let held: string;
  beforeAll(async () => {
    await begin();
    held = digestIn(registry);
    await runtime();
  });
  afterAll(end);
  beforeEach(async () => {
    await serveInstead(tinyModels);
    await model();
    await isAsBefore();
  });
  const isAsBefore = async (): Promise<void> => {
    expect(await listed()).toEqual({ [poet]: held });
    expect(await answer("Tell me of the river")).toBe(knows("river"));
    expect(await answer("zebra")).toMatch(/^I know few things by heart/);
  };

  test("is told, and not pulled, while the held one is there", async () => {
    await serveInstead(moved);
    expect(await model()).toMatchObject({ changes: [], model: { digest: held, moved: digestIn(registry) } });
    await isAsBefore();
  });

  test("is nothing to tell of while its source does not answer", async () => {
    const { port: same } = new URL(registry.url);
    await registry.stop();
    try {
      expect(await model()).toMatchObject({ changes: [], model: { digest: held, moved: null } });
    } finally {
      registry = await startModelRegistry({ models: tinyModels, port: Number(same) });
    }
  });

  test("is refused when the configured digest asks for yet another one, and the held one goes on answering", async () => {
    await serveInstead(moved);
    const found = digestIn(registry);
    expect(found).not.toBe(held);
    await expect(model({ digest: "0".repeat(64) })).rejects.toThrow(
      `LF1305: Model ${poet} is held to digest ${"0".repeat(64)}`,
    );
    await isAsBefore();
    await expect(model({ digest: "0".repeat(64) })).rejects.toThrow(found);
    await isAsBefore();
    expect((await model()).changes).toEqual([]);
  });

  test("is refused by the lock when the held one was lost, and comes back when its source does", async () => {
    await serveInstead(moved);
    await ollama().delete({ model: poet });
    await expect(model()).rejects.toThrow(/LF1305: .*models\.lock/);
    expect(await listed()).toEqual({});
    await serveInstead(tinyModels);
    expect((await model()).changes).toEqual([`pulled model ${poet}`]);
    await isAsBefore();
  });

  test("does not touch a model that is called by the source's own name", async () => {
    const source = registry.pullName(poet);
    await model({ name: source });
    await serveInstead(moved);
    await expect(model({ name: source, digest: "0".repeat(64) })).rejects.toThrow(/LF1305/);
    await expect(model({ name: "third", digest: "1".repeat(64) })).rejects.toThrow(/LF1305/);
    await noModel("third");
    expect(await listed()).toEqual({ [poet]: held, [source]: held });
    expect(await answer("zebra", source)).toMatch(/^I know few things by heart/);
    expect((await model({ name: source })).changes).toEqual([]);
    await noModel(source);
    await isAsBefore();
  });

  test("is undone when a run was cut off between the pull and the check", async () => {
    const source = registry.pullName(poet);
    await model({ name: source });
    await serveInstead(moved);
    await ollama().copy({ source, destination: asideName(source, "before") });
    await ollama().pull({ model: source, insecure: true });
    expect((await listed())[source]).toBe(digestIn(registry));
    expect((await model({ name: source })).changes).toEqual([]);
    expect(await listed()).toEqual({ [poet]: held, [source]: held });
    await noModel(source);
  });

  test("is not needed while another name stands for the same weights", async () => {
    await serveInstead(moved);
    await ollama().copy({ source: poet, destination: "spare" });
    await ollama().delete({ model: poet });
    expect((await model()).changes).toEqual([`gave model spare:latest the name ${poet}`]);
    expect(await listed()).toEqual({ [poet]: held, "spare:latest": held });
    await ollama().delete({ model: "spare" });
  });

  test("is taken when its digest is the configured one, and the former one's weights go", async () => {
    const blobs = async () => (await readdir(join(world.root, "ollama/models/blobs"))).sort();
    const before = await blobs();
    await serveInstead(moved);
    const digest = digestIn(registry);
    const { changes } = await model({ digest });
    expect(changes).toEqual([`pulled model ${poet}`, `locked model ${poet} to ${digest.slice(0, 12)}`]);
    expect(await listed()).toEqual({ [poet]: digest });
    expect(await answer("zebra")).toBe("Another model altogether.");
    expect((await blobs()).filter((blob) => before.includes(blob)).length).toBeLessThan(before.length);
    expect((await model({ digest })).changes).toEqual([]);
  });
});

describe("a model that no worker names", () => {
  beforeEach(begin);
  afterEach(end);
  const stranger = modelName("tiny-echo");
  const bringStranger = async (): Promise<string> => {
    const source = registry.pullName(stranger);
    await ollama().pull({ model: source, insecure: true });
    return Object.keys(await listed()).find((name) => name.includes(stranger))!;
  };

  test("is told at each change of runtime and models, and kept", async () => {
    await runtime();
    await model();
    const name = await bringStranger();
    expect(await runtime()).toMatchObject({ changes: [], strangers: [name] });
    expect(await model()).toMatchObject({ changes: [], strangers: [name] });
    expect(await listed()).toHaveProperty([name]);
  });

  test("is removed where that is asked for, and nothing else is", async () => {
    await runtime({ strangers: "remove" });
    await model();
    await model({ name: "retiring:1b", worker: "other" });
    const name = await bringStranger();
    expect(await model()).toMatchObject({ changes: [`removed stranger ${name}`], strangers: [] });
    expect(Object.keys(await listed()).sort()).toEqual(["retiring:1b", poet]);
    expect(await runtime({ strangers: "remove" })).toMatchObject({ changes: [], strangers: [] });
  });
});

describe("a model on a host whose GPU is required", () => {
  beforeEach(begin);
  afterEach(end);

  test("is refused when it was loaded into the machine's memory, and serves where the CPU was asked for", async () => {
    await runtime({ gpu: "required" });
    await expect(model()).rejects.toThrow(/^LF1355: Model tiny-poet:1b is only 0 % on the GPU, .*gpu: "none"/);
    await runtime({ gpu: "none" });
    expect((await model()).model).toMatchObject({ onGpu: 0 });
  });
});

describe("what a host refuses", () => {
  beforeEach(begin);
  afterEach(end);

  test("plain HTTP to another machine, before it asks anybody", async () => {
    await runtime();
    await expect(model({ source: "models.example.com/library/x" })).rejects.toThrow(/LF1304/);
    await expect(model({ source: "localhost.example.com/library/x" })).rejects.toThrow(/LF1304/);
    expect(await listed()).toEqual({});
  });

  test("a model that its source does not have, and says so", async () => {
    await runtime();
    await expect(model({ source: registry.pullName(modelName("no-such")) })).rejects.toThrow(
      /LF1308: Model tiny-poet:1b/,
    );
    expect(await listed()).toEqual({});
  });

  test("a model without an Ollama to run it", async () => {
    await expect(model()).rejects.toThrow(/LF1335/);
  });

  test("a port that somebody else listens on, even if it is another Ollama, and even while its own runs elsewhere", async () => {
    const users = await startOllama(program);
    stops.push(() => users.stop());
    const theirs = Number(new URL(users.url).port);
    await expect(runtime({ port: theirs })).rejects.toThrow(`LF1303: Port ${theirs}`);
    const { runtime: ours } = await runtime();
    await expect(runtime({ port: theirs })).rejects.toThrow(/LF1303/);
    expect((await ollama().list()).models).toEqual([]);
    expect((await runtime()).runtime!.pid).toBe(ours!.pid);
  });

  test("an Ollama that is not there, or too old, or no Ollama", async () => {
    const script = join(world.root, "..", "old-ollama");
    await expect(runtime({ ollama: script })).rejects.toThrow(/LF1301: There is no Ollama at/);
    await writeFile(script, "#!/bin/sh\necho 'ollama version is 0.9.6'\n");
    await chmod(script, 0o755);
    await expect(runtime({ ollama: script })).rejects.toThrow(/LF1302: .* 0\.9\.6, but 0\.11\.0/);
    await writeFile(script, "#!/bin/sh\necho hello\n");
    await expect(runtime({ ollama: script })).rejects.toThrow(/LF1301/);
    expect(existsSync(join(world.root, "supervisor"))).toBe(false);
  });
});

describe("an Ollama that died", () => {
  beforeEach(begin);
  afterEach(end);

  test("is started again by its supervisor", async () => {
    const { runtime: first } = await runtime();
    process.kill(first!.pid!, "SIGKILL");
    await until(async () => (await runtime()).runtime!.pid !== first!.pid, "another Ollama");
    expect((await model()).model!.sample).toMatch(/^I know few things/);
  });

  test("is taken over from a killed supervisor, without taking it for a stranger, and its models are still there", async () => {
    const { runtime: first } = await runtime();
    const held = (await model()).model!.digest;
    process.kill(await world.supervisorPid(), "SIGKILL");
    expect(isAlive(first!.pid!)).toBe(true);
    const report = await model();
    expect(report.model!.digest).toBe(held);
    expect(report.changes).toEqual([]);
    expect(isAlive(first!.pid!)).toBe(false);
  });

  test("does not keep a model from being given up, though its program is gone", async () => {
    const copy = join(world.root, "..", "ollama-copy");
    await writeFile(copy, `#!/bin/sh\nexec "${program}" "$@"\n`);
    await chmod(copy, 0o755);
    await runtime({ ollama: copy });
    await model();
    await rm(copy);
    expect((await noModel()).changes).toEqual([expect.stringContaining(`left model ${poet} behind`)]);
    await noRuntime();
    expect(existsSync(world.root)).toBe(false);
  });
});

describe("a host's folder", () => {
  beforeEach(begin);
  afterEach(end);

  test("keeps what was there before, and no prompt is in any log", async () => {
    await writeFile(join(world.root, "notes.txt"), "mine");
    await runtime();
    await model();
    const log = await readFile(join(world.root, "ollama/ollama.log"), "utf8");
    expect(log).not.toContain("Say hello");
    await noModel();
    await noRuntime();
    expect(await readdir(world.root)).toEqual(["notes.txt"]);
  });
});

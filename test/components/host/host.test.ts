import { describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import type { Host } from "../../../components/host/host.js";
import { asksMore, strangersTold } from "../../../components/host/host-provider.js";
import { HostRefused } from "../../../components/host/host-program.js";
import { passPreflight } from "../../../components/host/preflight.js";
import { runtimeInputs } from "../../../components/host/runtime-args.js";
import { tagMoved } from "../../../components/models/model-provider.js";
import { needsOf } from "../../../components/models/needs.js";
import { implementations } from "../../../components/providers.js";
import { endpointsOf } from "../../../components/worker/endpoints.js";
import { wantsSchema, type PreflightLine } from "../../../schema/host.js";

const line = (check: string, verdict: PreflightLine["verdict"], code: string | null = null): PreflightLine => ({
  ...{ check, verdict, code },
  found: `${check} was found`,
  fix: verdict === "pass" ? null : `mend ${check}`,
});
const hostThat = (answer: () => Promise<unknown>): Host => ({
  ...({ reference: { kind: "local", name: "here", root: "/h" } } as const),
  call: answer as never,
  put: () => expect.unreachable(),
  answers: () => expect.unreachable(),
  present: () => expect.unreachable(),
});
const saying = (...lines: PreflightLine[]) => hostThat(async () => ({ lines }));
const wants = wantsSchema.parse({ ollamaPort: 1, gpu: "required" });

describe("a host's preflight", () => {
  test("tells what its operator should know, and nothing of what is as it must be", async () => {
    expect(await passPreflight(saying(line("clock", "warn"), line("disk", "pass")), wants)).toEqual([
      "host here, clock: clock was found. Next: mend clock",
    ]);
  });

  test("is one coded error with a line and a fix for each thing that failed", async () => {
    const failing = passPreflight(
      saying(line("disk", "fail", "LF1350"), line("clock", "warn"), line("GPU", "fail")),
      wants,
    );
    await expect(failing).rejects.toThrow(
      "LF1351: Host here is not fit for a worker:\n  disk (LF1350): disk was found → mend disk\n  GPU: GPU was found → mend GPU\n Next: mend each of these, then run pulumi up again.",
    );
  });

  test("is not asked of a bundle that knows none", async () => {
    const refused = new HostRefused({ code: "LF1336", summary: "no such verb.", fix: "none" });
    expect(
      await passPreflight(
        hostThat(() => Promise.reject(refused)),
        wants,
      ),
    ).toMatchObject([expect.stringContaining("cannot look at the machine")]);
    const other = new HostRefused({ code: "LF1338", summary: "no folder.", fix: "none" });
    await expect(
      passPreflight(
        hostThat(() => Promise.reject(other)),
        wants,
      ),
    ).rejects.toBe(other);
  });
});

describe("a host that is set up", () => {
  const facts = {
    ...{
      host: "here",
      sealKey: "ab".repeat(32),
      os: "linux",
      arch: "x64",
      node: "v24",
      services: "supervisor",
      secrets: "sealed",
    },
    ...{ cpus: 2, memoryBytes: 1, freeDiskBytes: 1, gpus: [] },
  } as const;
  const before = {
    ...({ kind: "local", name: "here", root: "/h", bundle: "/b", wantedBundle: `0x${"11".repeat(32)}` } as const),
    ...({ ollama: "/usr/bin/ollama", ollamaPort: 11500, contextLength: 4096, gpu: "none", strangers: "keep" } as const),
    gpus: ["0"],
    models: ["a", "b"],
    endpoints: [{ name: "rpc", url: "http://rpc" }],
    ...({ reference: { kind: "local", name: "here", root: "/h" }, bundleHash: `0x${"11".repeat(32)}` } as const),
    ollamaUrl: "http://127.0.0.1:11500",
    facts,
  } as Parameters<typeof asksMore>[1];
  const more = (change: object): boolean => asksMore({ ...before, ...change }, before);
  test.each<[string, object, boolean]>([
    ["nothing", {}, false],
    ["a model less", { models: ["a"] }, false],
    ["less context", { contextLength: 0 }, false],
    [
      "another bundle, and what becomes of strangers",
      { wantedBundle: `0x${"22".repeat(32)}`, strangers: "remove" },
      false,
    ],
    ["one model more", { models: ["a", "b", "c"] }, true],
    ["another network", { endpoints: [{ name: "rpc", url: "http://other" }] }, true],
    ["a GPU", { gpu: "required" }, true],
    ["one more GPU", { gpus: ["0", "1"] }, true],
    ["another GPU", { gpus: ["1"] }, true],
    ["whatever GPUs there are", { gpus: [] }, true],
    ["more context", { contextLength: 8192 }, true],
    ["another port", { ollamaPort: 11600 }, true],
  ])("is held against %s anew: %#", (_, change, isMore) => expect(more(change)).toBe(isMore));
  test("is held against everything again as long as it is not set up", () =>
    expect(asksMore(before, { ...before, facts: null })).toBe(true));
});

test("a host's state of before there was a GPU to be asked for means none, and nothing else than before", async () => {
  const old = {
    ...{
      kind: "local",
      name: "here",
      root: "/nowhere",
      ollama: "/usr/bin/ollama",
      ollamaPort: 11500,
      contextLength: 0,
    },
    ...{ bundle: "/b", wantedBundle: `0x${"11".repeat(32)}` },
  };
  expect((await implementations.host.check({}, old)).failures).toBeUndefined();
  const pinned = { ...old, ollama: { version: "0.14.2", sha256: "ab".repeat(32) } };
  expect((await implementations.host.check({}, pinned)).failures).toBeUndefined();
  const unpinned = { ...old, ollama: { version: "0.14.2" } };
  expect((await implementations.host.check({}, unpinned)).failures).toHaveLength(1);
});

test("a host that names no GPUs is made of the same inputs as before there was such an input", () =>
  expect(runtimeInputs({ ollama: "/o", ollamaPort: 1 })).not.toHaveProperty("gpus"));

test("computing on the CPU has to be asked for", () =>
  expect(runtimeInputs({ ollama: "/o", ollamaPort: 1 })).toMatchObject({ gpu: "required", strangers: "keep" }));

test("a network's endpoints are those that a worker asks, with Ollama's own registry where it has none", () => {
  expect(endpointsOf(networks.testnet).map(({ name }) => name)).toEqual(["rpc", "beacon", "gateway", "registry"]);
  const own = {
    ...networks.testnet,
    endpoints: { ...networks.testnet.endpoints, ws: "wss://x", modelRegistry: "http://r" },
  };
  expect(endpointsOf(own)).toContainEqual({ name: "registry", url: "http://r" });
  expect(endpointsOf(own)).toContainEqual({ name: "ws", url: "wss://x" });
});

test("what a model takes is known for the network's models, and not made up for others", () => {
  expect(needsOf("llama3-8b")).toEqual({
    ...{ name: "llama3-8b", diskBytes: 4.3e9, memoryBytes: 6e9 },
    contextBytesPerToken: 131_072,
  });
  for (const name of ["tiny-poet:1b", "constructor"])
    expect(needsOf(name)).toEqual({ name, diskBytes: null, memoryBytes: null, contextBytesPerToken: null });
});

test("strangers and moved tags are told with what to do, and no line without any", () => {
  expect(strangersTold("here", [])).toEqual([]);
  expect(strangersTold("here", ["a:latest", "b:1b"])).toEqual([expect.stringMatching(/a:latest, b:1b\. Next: /)]);
  expect(tagMoved("m", "a".repeat(64), "b".repeat(64))).toMatch(/stays.*Next: .*b{64}/);
});

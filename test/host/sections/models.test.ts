import { expect, test } from "vitest";
import { emptyDocument, withSection } from "../../../host/document.js";
import { asideName } from "../../../host/sections/model-names.js";
import { NotOnGpu, runsWhereItMust } from "../../../host/sections/model.js";
import { urlOfRelease } from "../../../host/sections/ollama-release.js";
import { readSource } from "../../../host/sections/registry.js";
import { strangersAmong } from "../../../host/sections/strangers.js";
import { isGivenUp } from "../../../host/sections/trial.js";
import { packingOf } from "../../../host/sections/unpack.js";
import { modelSectionSchema } from "../../../schema/host.js";

test.each([
  ["required", 1, true],
  ["required", 0.9, true],
  ["required", 0.89, false],
  ["required", 0, false],
  ["required", null, false],
  ["none", 0, true],
  ["none", null, true],
] as const)("a GPU that is %s, with %s of the model on it: %s", (gpu, onGpu, fine) =>
  expect(runsWhereItMust(gpu, { onGpu, claimedBytes: 6e9 }, undefined)).toBe(fine),
);

test.each([
  ["required", "the driver says nothing of it", undefined, true],
  ["required", "as much is in use", 5.7e9, true],
  ["required", "most is in use, since Ollama's account is an estimate", 3e9, true],
  ["required", "less than half is in use", 2.9e9, false],
  ["required", "nothing is in use", 0, false],
  ["none", "nothing is in use", 0, true],
] as const)("where the GPU is %s and Ollama says its model is on it, but %s: %s", (gpu, _, inUse, fine) =>
  expect(runsWhereItMust(gpu, { onGpu: 1, claimedBytes: 6e9 }, inUse)).toBe(fine),
);

test("a model that Ollama only believes to be on the GPU is refused with both accounts, and what is then missing", () => {
  const { summary, fix } = new NotOnGpu("llama3-8b", { onGpu: 1, claimedBytes: 6 * 1024 ** 3 }, 4 * 1024 ** 2);
  expect(summary).toBe(
    "Model llama3-8b is not on the GPU: Ollama says that it holds 6144 MiB there, but of the GPU's memory 4 MiB are in use, so its CUDA library is missing or fails, and it computes on the CPU, though this host's GPU is required.",
  );
  expect(fix).toContain("CUDA libraries");
});

test.each([
  ["llama3", "registry.ollama.ai", "library/llama3", "latest"],
  ["llama3:8b", "registry.ollama.ai", "library/llama3", "8b"],
  ["me/llama3:8b", "registry.ollama.ai", "me/llama3", "8b"],
  ["127.0.0.1:5000/ns/name:tag", "127.0.0.1:5000", "ns/name", "tag"],
  ["http://localhost:5000/ns/name", "localhost:5000", "ns/name", "latest"],
])("the source %s is at %s", (source, registry, repository, tag) =>
  expect(readSource(source)).toEqual({ registry, repository, tag }),
);

test("strangers are models that nobody names; other spellings, what is retired, and what is kept aside meanwhile are none", () => {
  const model = (name: string) => modelSectionSchema.parse({ kind: "model", name, source: name, digest: null });
  const change = (name: string, wanted: boolean) =>
    ({ worker: "a", section: "model", name, desired: wanted ? model(name) : null }) as const;
  const document = [change("Llama3", true), change("old:1b", true), change("old:1b", false)].reduce(
    withSection,
    emptyDocument,
  );
  const listed = ["llama3:latest", "old:1b", asideName("llama3", "before"), "stranger:latest", "llama3:8b"];
  expect(strangersAmong(listed, document)).toEqual(["stranger:latest", "llama3:8b"]);
  expect(strangersAmong(listed, emptyDocument)).toEqual(["llama3:latest", "old:1b", "stranger:latest", "llama3:8b"]);
});

test.each([
  ["0.11.4", "x64", "v0.11.4/ollama-linux-amd64.tgz"],
  ["0.13.5", "arm64", "v0.13.5/ollama-linux-arm64.tgz"],
  ["0.14.0", "x64", "v0.14.0/ollama-linux-amd64.tar.zst"],
  ["0.30.1", "arm64", "v0.30.1/ollama-linux-arm64.tar.zst"],
])("Ollama %s for %s is published as %s", (version, arch, path) =>
  expect(urlOfRelease({ version }, arch)).toBe(`https://github.com/ollama/ollama/releases/download/${path}`),
);
test("a release is where the operator says", () =>
  expect(urlOfRelease({ version: "0.14.0", url: "http://mirror/x" }, "x64")).toBe("http://mirror/x"));

test("how an archive is packed is told by its first bytes", () => {
  expect(packingOf(Buffer.from([0x1f, 0x8b, 8, 0]))).toBe("gzip");
  expect(packingOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))).toBe("zstd");
  expect(packingOf(Buffer.from("<htm"))).toBeUndefined();
  expect(packingOf(Buffer.alloc(0))).toBeUndefined();
});

test.each([
  ["runs and says nothing yet", { state: "running", pid: 7, lastExit: null }, 50_000, false],
  ["has ended once, just now", { state: "backing-off", pid: null, lastExit: 1 }, 1_000, false],
  ["ends again and again", { state: "backing-off", pid: null, lastExit: 1 }, 15_000, true],
  ["is still being started by its manager", { state: "backing-off", pid: 7, lastExit: null }, 50_000, false],
  ["refuses to run as it is configured", { state: "refused", pid: null, lastExit: 78 }, 0, true],
  ["was stopped", { state: "stopped", pid: null, lastExit: 0 }, 0, true],
  ["is not known at all", undefined, 0, true],
] as const)("a sidecar that %s", (_, status, waitedMs, givenUp) => expect(isGivenUp(status, waitedMs)).toBe(givenUp));

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Faults } from "../../../devnet/faults.js";
import { tinyModels } from "../../../devnet/model/answers.js";
import { parseByteRange } from "../../../devnet/model/byte-range.js";
import { packModel, splitModelName } from "../../../devnet/model/manifest.js";
import { registryApp } from "../../../devnet/model/registry.js";
import { modelName } from "../../../schema/units.js";

const models = tinyModels.map(packModel);
const app = registryApp(models);
const get = (path: string, init?: RequestInit) => app.request(`http://127.0.0.1:5000${path}`, init);
const [poet] = models as [(typeof models)[number]];
const [weights] = [...poet.blobs.keys()] as [string];

describe("the model registry", () => {
  test("answers a model's manifest, whose digest and sizes are right", async () => {
    const response = await get("/v2/library/tiny-poet/manifests/1b");
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/vnd.docker.distribution.manifest.v2+json");
    expect(response.headers.get("docker-content-digest")).toBe(sha256(bytes));
    const { config, layers } = JSON.parse(bytes.toString()) as Record<"config", Entry> & Record<"layers", Entry[]>;
    expect(layers.map(({ mediaType }) => mediaType)).toEqual([
      "application/vnd.ollama.image.model",
      "application/vnd.ollama.image.template",
      "application/vnd.ollama.image.params",
    ]);
    for (const { digest, size } of [config, ...layers]) {
      const blob = Buffer.from(await (await get(`/storage/${digest}`)).arrayBuffer());
      expect([sha256(blob), blob.length]).toEqual([digest, size]);
    }
  });

  test("gives a model without a tag under `latest`, as Ollama asks for it", async () => {
    expect((await get("/v2/library/tiny-echo/manifests/latest")).status).toBe(200);
    expect(splitModelName(modelName("tiny-echo"))).toEqual({ repository: "tiny-echo", tag: "latest" });
  });

  test.each([
    "/v2/library/tiny-poet/manifests/latest",
    "/v2/library/llama3/manifests/8b",
    "/v2/other/tiny-poet/manifests/1b",
    `/v2/library/tiny-poet/blobs/sha256:${"0".repeat(64)}`,
    `/v2/library/tiny-echo/blobs/${weights}`,
  ])("has no %s", async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test.each([
    ["127.0.0.1", "localhost"],
    ["localhost", "127.0.0.1"],
  ])("sends whoever asks %s for a blob to %s: Ollama wants another host name", async (host, other) => {
    const response = await app.request(`http://${host}:5000/v2/library/tiny-poet/blobs/${weights}`);
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toBe(`http://${other}:5000/storage/${weights}`);
  });

  test("tells a blob's size without sending it", async () => {
    const response = await get(`/storage/${weights}`, { method: "HEAD" });
    expect(response.headers.get("content-length")).toBe(String(poet.blobs.get(weights as `sha256:${string}`)?.length));
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });

  test("sends the part of a blob that is asked for", async () => {
    const whole = Buffer.from(await (await get(`/storage/${weights}`)).arrayBuffer());
    const response = await get(`/storage/${weights}`, { headers: { range: "bytes=100-299" } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes 100-299/${whole.length}`);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(whole.subarray(100, 300));
  });

  test("refuses a part that is not there", async () => {
    const response = await get(`/storage/${weights}`, { headers: { range: "bytes=99999999-" } });
    expect(response.status).toBe(416);
  });

  test("suffers the faults that are set on it", async () => {
    const faults = new Faults();
    faults.add({ part: "registry", kind: "status", status: 500, times: 1, match: { path: "/storage/" } });
    const broken = registryApp(models, faults);
    expect((await broken.request(`/storage/${weights}`)).status).toBe(500);
    expect((await broken.request(`/storage/${weights}`)).status).toBe(200);
  });
});

describe("a byte range", () => {
  test.each([
    ["bytes=0-9", { first: 0, last: 9 }],
    ["bytes=90-", { first: 90, last: 99 }],
    ["bytes=-10", { first: 90, last: 99 }],
    ["bytes=-1000", { first: 0, last: 99 }],
    ["bytes=50-1000", { first: 50, last: 99 }],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=9-8", undefined],
    ["bytes=-", undefined],
    ["bytes=0-1,5-6", undefined],
    ["lines=0-9", undefined],
    [undefined, undefined],
  ])("%s of 100 bytes", (header, expected) => {
    expect(parseByteRange(header, 100)).toEqual(expected);
  });

  test("never reaches outside the content", () =>
    fc.assert(
      fc.property(fc.string(), fc.nat(50), fc.nat(50), fc.integer({ min: 1, max: 40 }), (noise, from, to, size) => {
        for (const header of [noise, `bytes=${from}-${to}`, `bytes=${from}-`, `bytes=-${to}`]) {
          const range = parseByteRange(header, size);
          if (range === undefined || range === "unsatisfiable") continue;
          expect(range.first).toBeGreaterThanOrEqual(0);
          expect(range.last).toBeLessThan(size);
          expect(range.first).toBeLessThanOrEqual(range.last);
        }
      }),
    ));
});

interface Entry {
  mediaType: string;
  digest: string;
  size: number;
}
const sha256 = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

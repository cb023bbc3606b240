import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createOllama } from "../../../sidecar/adapters/ollama.js";
import { InferenceUnavailable } from "../../../sidecar/errors.js";
import { createModelServer } from "../../../sidecar/jobs/model-server.js";
import { createMetrics } from "../../../sidecar/metrics/metrics.js";
import { createLogger } from "../../../system/log.js";
import { systemClock } from "../../../system/clock.js";

let server: Server;
/** What is loaded, as Ollama lists it; `null`: it does not say. */
let loaded: readonly { size_vram: number }[] | null;
beforeEach(async () => {
  server = createServer((request, response) => {
    if (request.url === "/api/ps" && loaded === null) return void response.writeHead(500).end();
    const models = request.url === "/api/ps" ? loaded : [{ name: "llama3-8b" }];
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ models }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});
const log = createLogger("test", { level: "silent" });
const ollama = () => {
  const ollamaUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createOllama({ ollamaUrl } as Parameters<typeof createOllama>[0], log);
};

test.each<[what: string, models: { size_vram: number }[], used: boolean | null]>([
  ["no model is loaded", [], null],
  ["a model is in the GPU's memory", [{ size_vram: 5_000_000_000 }], true],
  ["one is there in part, another is not", [{ size_vram: 0 }, { size_vram: 1 }], true],
  ["all are on the CPU", [{ size_vram: 0 }, { size_vram: 0 }], false],
])("when %s, the GPU is used: %j gives %s", async (_, models, used) => {
  loaded = models;
  expect(await ollama().usesGpu()).toBe(used);
});

test("who does not say is no sign of a GPU that is gone", async () => {
  loaded = null;
  await expect(ollama().usesGpu()).rejects.toThrow(InferenceUnavailable);
});

test("each look at Ollama shows it, and whether it uses the GPU, as long as that is known", async () => {
  const metrics = createMetrics();
  const settings = { models: ["llama3-8b"], services: { heartbeatMs: 1 } };
  const parts = { ports: { inference: ollama() }, settings, clock: systemClock, log, metrics };
  const look = async () => {
    await createModelServer(parts as never).look();
    return metrics.registry.metrics();
  };
  loaded = [{ size_vram: 0 }];
  await expect.poll(look).toMatch(/^worker_gpu_used 0$/m);
  expect(await look()).toMatch(/^worker_ollama_up 1$/m);
  loaded = null;
  await expect.poll(look).not.toMatch(/^worker_gpu_used \d/m);
});

import { expect, test } from "vitest";
import { networks } from "../../abi/networks.js";
import { PortWantedTwice, requireOwnPorts } from "../../host/ports.js";
import { documentSchema } from "../../schema/host.js";

const worker = (metricsPort: number | null) => ({
  models: {},
  service: {
    kind: "service",
    bundle: `0x${"b".repeat(64)}`,
    settings: {
      worker: "w",
      host: "here",
      address: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
      network: networks.testnet,
      models: ["llama3-8b"],
      stateFolder: "/s",
      metricsPort,
      inference: { ollamaUrl: "http://127.0.0.1:11500" },
    },
  },
});
const host = (...ports: (number | null)[]) =>
  documentSchema.parse({
    version: 1,
    runtime: Object.fromEntries(["a", "b"].map((owner) => [owner, { kind: "runtime", ollama: "/o", port: 11_500 }])),
    workers: Object.fromEntries(ports.map((port, index) => [`w${index}`, worker(port)])),
  });

test.each([
  ["workers without metrics", host(null, null)],
  ["workers with a port each, and one Ollama for all", host(9_100, 9_101)],
])("%s live side by side", (_, document) => expect(() => requireOwnPorts(document)).not.toThrow());

test.each([
  ["another worker's", host(9_100, 9_100), "worker w0 and by worker w1"],
  ["Ollama's", host(null, 11_500), "Ollama and by worker w1"],
])("a metrics port that is %s is refused", (_, document, who) => {
  expect(() => requireOwnPorts(document)).toThrow(PortWantedTwice);
  expect(() => requireOwnPorts(document)).toThrow(who);
});

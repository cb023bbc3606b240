import { expect, test } from "vitest";
import { ollamaContainer, workerContainer } from "../../../components/host/docker/containers.js";

const parts = { name: "n", image: "sha256:1", network: "net", volume: "vol", memoryMiB: 512, stopSeconds: 300 };
const worker = workerContainer(parts);
const ollama = ollamaContainer({ ...parts, gpu: "none", gpus: [], contextLength: 0 });

test.each([
  ["worker", worker],
  ["ollama", ollama],
] as const)("the %s container has nothing that it does not need", (alias, container) => {
  expect(container).toMatchObject({
    user: "10471:10471",
    readOnly: true,
    capabilities: { drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    memory: 512,
    memorySwap: 512,
    restart: "always",
    stopSignal: "SIGTERM",
    stopTimeout: 300,
    destroyGraceSeconds: 300,
    networksAdvanced: [{ name: "net", aliases: [alias] }],
  });
  expect(container.ulimits).toContainEqual({ name: "core", soft: 0, hard: 0 });
  expect((container.mounts as { type: string }[]).map(({ type }) => type)).toEqual(["volume"]);
  for (const never of ["ports", "privileged", "networkMode", "pidMode", "devices", "uploads", "volumes"])
    expect(container).not.toHaveProperty(never);
});

test("the worker's container is given no variable at all", () => expect(worker).not.toHaveProperty("envs"));

test("Ollama logs no prompt, asks no cloud, and keeps what it loaded", () => {
  expect(ollama.envs).toContain("OLLAMA_NO_CLOUD=1");
  expect(ollama.envs).toContain("OLLAMA_KEEP_ALIVE=-1");
  expect(JSON.stringify(ollama.envs)).not.toContain("DEBUG");
  expect(JSON.stringify(ollama.envs)).not.toContain("CONTEXT");
  const wide = ollamaContainer({ ...parts, gpu: "none", gpus: [], contextLength: 8_192 });
  expect(wide.envs).toContain("OLLAMA_CONTEXT_LENGTH=8192");
});

test("GPUs are asked for only if the operator asks for them", () => {
  expect(ollama).not.toHaveProperty("gpus");
  const all = ollamaContainer({ ...parts, gpu: "all", gpus: [], contextLength: 0 });
  expect(all.gpus).toBe("all");
  expect(JSON.stringify(all.envs)).not.toContain("CUDA");
  const some = ollamaContainer({ ...parts, gpu: "all", gpus: ["0", "2"], contextLength: 0 });
  expect(some.gpus).toBe("all"); // the provider takes nothing else
  expect(some.envs).toContain("CUDA_VISIBLE_DEVICES=0,2");
  expect(some.envs).toContain("CUDA_DEVICE_ORDER=PCI_BUS_ID");
});

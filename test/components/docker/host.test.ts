import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DockerHost, resolveDockerHost, type DockerHostArgs } from "../../../components/host/docker/host.js";

const args: DockerHostArgs = { ollamaImage: "ollama/ollama:1", gpu: "none", ollamaMemoryMiB: 4_096 };

test("what is left out has a default", () => {
  expect(resolveDockerHost("home-host", args)).toMatchObject({
    name: "home-host",
    engine: { socket: "/var/run/docker.sock" },
    baseImage: "debian:bookworm-slim",
    prefix: "lightchain-home-host",
    workerMemoryMiB: 1_024,
    contextLength: 0,
    stopSeconds: 300,
  });
});

test("a container may take longer to stop than its jobs", () => {
  expect(resolveDockerHost("a", { ...args, shutdownMs: 500 }).stopSeconds).toBe(61);
});

test.each<[what: string, wrong: object, said: RegExp]>([
  ["no image", { ollamaImage: undefined }, /^LF1587: Docker host a: ollamaImage is missing/],
  ["an image that is none", { ollamaImage: "a b" }, /ollamaImage \("a b"\) is no name of an image/],
  ["an instruction in an image's place", { baseImage: "a\nRUN b" }, /baseImage/],
  ["nothing said of the GPU", { gpu: undefined }, /gpu is missing/],
  ["GPUs beside none", { gpus: ["0"] }, /gpus has no meaning beside gpu: "none"/],
  ["a GPU that is none", { gpu: "all", gpus: ["first"] }, /gpus \(\["first"\]\) is no index/],
  ["too little memory", { ollamaMemoryMiB: 12 }, /ollamaMemoryMiB \(12\) is too little/],
  ["a prefix that is no name", { prefix: "-a" }, /prefix/],
  ["an engine that is none", { engine: { ssh: "gpu-box" } }, /engine \(\{"ssh":"gpu-box"\}\)/],
])("%s is refused", (_, wrong, said) => {
  expect(() => resolveDockerHost("a", { ...args, ...wrong })).toThrow(said);
});

describe("as Pulumi sees it", () => {
  let folder: string;
  const made: { type: string; name: string; inputs: Record<string, unknown> }[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "fl-"));
    const hash = `0x${"ab".repeat(32)}`;
    mkdirSync(join(folder, "bundle"));
    writeFileSync(
      join(folder, "bundle", "manifest.json"),
      JSON.stringify({ version: 1, hash, fleet: "0", node: "v24.0.0", files: {} }),
    );
    await pulumi.runtime.setMocks({
      newResource: ({ type, name, inputs }) => {
        made.push({ type, name, inputs: inputs as Record<string, unknown> });
        const computed = type.includes("dynamic")
          ? { ollamaUrl: "http://ollama:11434" }
          : { imageId: `sha256:${name}` };
        return { id: `id-of-${name}`, state: { ...(inputs as object), ...computed } };
      },
      call: () => ({}),
    });
    const host = new DockerHost("h", { ...args, bundle: join(folder, "bundle"), prefix: "P", models: ["llama3-8b"] });
    await new Promise<void>((resolve) => host.ollamaUrl.apply(() => resolve()));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const of = (type: string) => made.filter((one) => one.type === type);

  test("it is two images, two volumes, two containers and a network of their own, and the host in them", () => {
    const counts = Object.fromEntries(
      [...new Set(made.map(({ type }) => type))].map((type) => [type, of(type).length]),
    );
    expect(counts).toEqual({
      "lightchain:fleet:DockerHost": 1,
      "pulumi:providers:docker": 1,
      "docker:index/remoteImage:RemoteImage": 2,
      "docker:index/network:Network": 1,
      "docker:index/volume:Volume": 2,
      "docker:index/container:Container": 2,
      "pulumi-nodejs:dynamic/lightchain:DockerHost": 1,
    });
  });

  test("each container runs its image, on its volume", () => {
    const containers = of("docker:index/container:Container").map(({ inputs }) => inputs);
    expect(containers.find(({ name }) => name === "P-worker")).toMatchObject({
      image: "sha256:h-worker-image",
      mounts: [{ source: "P-state", target: "/var/lib/lightchain-fleet" }],
    });
    expect(containers.find(({ name }) => name === "P-ollama")).toMatchObject({
      image: "sha256:h-ollama-image",
      mounts: [{ source: "P-models", target: "/var/lib/lightchain-ollama" }],
    });
  });

  test("names of images are in small letters, as Docker wants them, and their folders named wherever a checkout lies", () => {
    for (const { inputs } of of("docker:index/remoteImage:RemoteImage")) {
      expect(inputs["name"]).toMatch(/^p-(worker|ollama):[0-9a-f]{16}$/);
      expect((inputs["build"] as { context: string }).context).toMatch(/^(?!\/).*image\/[0-9a-f]{16}$/);
    }
    const named = of("docker:index/remoteImage:RemoteImage").map(({ inputs }) => inputs["name"]);
    expect(new Set(named).size).toBe(2);
  });

  test("the host in them knows the engine, the container and the volume, and is looked after anew with another container", () => {
    expect(of("pulumi-nodejs:dynamic/lightchain:DockerHost")[0]?.inputs).toMatchObject({
      ...{ kind: "docker", name: "h", root: "/var/lib/lightchain-fleet", container: "P-worker", volume: "P-state" },
      containers: "id-of-h-worker id-of-h-ollama",
      ...{ gpu: "none", contextLength: 0, models: ["llama3-8b"], endpoints: [] },
    });
  });
});

import { Container } from "@pulumi/docker/container.js";
import { Network } from "@pulumi/docker/network.js";
import { RemoteImage } from "@pulumi/docker/remoteImage.js";
import { Volume } from "@pulumi/docker/volume.js";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { ollamaContainer, workerContainer } from "../../../components/host/docker/containers.js";
import { whatIsWrong, type ObjectShape } from "../engine/shape.js";
import { fromStruct, toStruct } from "../engine/values.js";
import { container } from "./container.js";
import shapes from "./shapes.json";

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: name, state: inputs as Record<string, unknown> }),
    call: () => ({}),
  }),
);

/** The names that an SDK's constructor reads of its arguments: all that it takes. */
function namesRead(make: (args: never) => unknown): string[] {
  const names = new Set<string>();
  const given: Record<string, unknown> = { name: "a", image: "b" };
  const args = new Proxy(given, {
    get: (target, name) => {
      if (typeof name !== "string") return undefined;
      names.add(name);
      return target[name];
    },
  });
  make(args as never);
  return [...names].sort();
}

test.each<[token: keyof typeof shapes, make: (args: never) => unknown]>([
  ["docker:index/container:Container", (args) => new Container("a", args)],
  ["docker:index/network:Network", (args) => new Network("a", args)],
  ["docker:index/remoteImage:RemoteImage", (args) => new RemoteImage("a", args)],
  ["docker:index/volume:Volume", (args) => new Volume("a", args)],
])("%s takes what the SDK's constructor passes on, and no more", (token, make) => {
  expect(namesRead(make)).toEqual(
    Object.keys(shapes[token])
      .map((name) => name.replace("?", ""))
      .sort(),
  );
});

const shape = shapes["docker:index/container:Container"] as ObjectShape;
const parts = { name: "n", image: "i", network: "net", volume: "vol", memoryMiB: 512, stopSeconds: 300 };
const received = (args: object): Record<string, unknown> => fromStruct(toStruct(args as Record<string, unknown>));

test.each<[what: string, inputs: object, where: string[]]>([
  ["the worker's container", workerContainer(parts), []],
  ["Ollama's container", ollamaContainer({ ...parts, gpu: "all", gpus: [], contextLength: 4_096 }), []],
  ["a stranger at the top", { image: "a", pidsLimit: 100 }, ["pidsLimit"]],
  ["a stranger in a mount", { image: "a", mounts: [{ type: "volume", target: "/a", from: "b" }] }, ["mounts[0].from"]],
  ["a mount without a place", { image: "a", mounts: [{ type: "volume" }] }, ["mounts[0].target"]],
  ["capabilities in one list", { image: "a", capabilities: ["ALL"] }, ["capabilities"]],
  ["memory in words", { image: "a", memory: "1g" }, ["memory"]],
])("%s is checked at every depth", (_, inputs, where) => {
  expect(whatIsWrong(received(inputs), shape).map(({ property }) => property)).toEqual(where);
});

test("what this stand-in does not do is refused, not passed over; what we ask for is done", () => {
  const type = container(shape);
  expect(type.check?.(received({ ...workerContainer(parts), privileged: true }))).toEqual([
    { property: "privileged", reason: "is not done by this stand-in" },
  ]);
  expect(type.check?.(received(ollamaContainer({ ...parts, gpu: "all", gpus: [], contextLength: 1 })))).toEqual([]);
});

test("a container's memory is changed in place, its image makes another one", () => {
  const { replaces } = container(shape);
  expect(replaces).toContain("image");
  expect(replaces).toContain("stopTimeout");
  expect(replaces).not.toContain("memory");
});

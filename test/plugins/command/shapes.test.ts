import { local, remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { whatIsWrong, type ObjectShape } from "../engine/shape.js";
import { fromStruct, secret, toStruct, unknownValue } from "../engine/values.js";
import shapes from "./shapes.json";

const connection = { host: "example.org", hostKey: "ssh-ed25519 AAAA", proxy: { host: "bastion" } };
const remoteShape = shapes["command:remote:Command"] as ObjectShape;

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: name, state: inputs as Record<string, unknown> }),
    call: () => ({}),
  }),
);

/** The names that an SDK's constructor reads of its arguments: all that it takes. */
function namesRead(make: (args: never) => unknown): string[] {
  const names = new Set<string>();
  const given: Record<string, unknown> = {
    connection,
    remotePath: "/tmp/a",
    source: new pulumi.asset.StringAsset("a"),
  };
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
  ["command:local:Command", (args) => new local.Command("a", args)],
  ["command:remote:Command", (args) => new remote.Command("a", args)],
  ["command:remote:CopyToRemote", (args) => new remote.CopyToRemote("a", args)],
])("%s takes what the SDK's constructor passes on, and no more", (token, make) => {
  expect(namesRead(make)).toEqual(Object.keys(shapes[token]).map((name) => name.replace("?", "")));
});

test.each<[what: string, inputs: object, where: string[]]>([
  ["what is right", { connection, create: "true", triggers: [1, { a: 2 }] }, []],
  ["a secret that is right", { connection: secret(connection), stdin: secret("a") }, []],
  [
    "what is not known yet",
    { connection: { host: unknownValue }, environment: unknownValue, create: unknownValue },
    [],
  ],
  ["a stranger at the top", { connection, sudo: true }, ["sudo"]],
  ["a stranger in the connection", { connection: secret({ host: "a", knownHosts: "b" }) }, ["connection.knownHosts"]],
  [
    "a stranger in the proxy",
    { connection: { host: "a", proxy: { host: "b", jump: "c" } } },
    ["connection.proxy.jump"],
  ],
  ["a connection to nowhere", { connection: { user: "root" } }, ["connection.host"]],
  ["no connection", { create: "true" }, ["connection"]],
  ["a port in words", { connection: { host: "a", port: "22" } }, ["connection.port"]],
  ["a logging that is none", { connection, logging: "all" }, ["logging"]],
  ["an environment of numbers", { connection, environment: { A: 1 } }, ["environment.A"]],
])("%s is checked below the top as well", (_, inputs, where) => {
  const received = fromStruct(toStruct(inputs as Record<string, unknown>));
  expect(whatIsWrong(received, remoteShape).map(({ property }) => property)).toEqual(where);
});

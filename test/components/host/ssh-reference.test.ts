import { describe, expect, test } from "vitest";
import { statedHostSchema } from "../../../components/host/host.js";
import { canBeStaged, connectionOf } from "../../../components/host/ssh/staging.js";
import { statedWaySchema } from "../../../components/host/ssh/reference.js";
import { hostReferenceSchema, isSameHost } from "../../../components/worker-reference.js";

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHTR0wkU+i9ewPJSughDMRsHDTgekoa9GRJb0LCGeh9t";
const server = { address: "10.0.0.7", user: "me", hostKey };
const reference = { kind: "ssh", name: "home", root: "/r", server, identity: { agent: "$SSH_AUTH_SOCK" } };

describe("a reference to a host that is reached by SSH", () => {
  test("has a default for whatever may be left out", () =>
    expect(hostReferenceSchema.parse(reference)).toEqual({
      ...reference,
      server: { ...server, port: 22 },
      bastion: null,
      sudo: "none",
    }));

  test("passes over what a newer version says, and still reads what an older one wrote of a local host", () => {
    expect(hostReferenceSchema.parse({ ...reference, later: 1, server: { ...server, later: 1 } })).toEqual(
      hostReferenceSchema.parse(reference),
    );
    expect(hostReferenceSchema.parse({ kind: "local", name: "a", root: "/r" })).toEqual({
      ...{ kind: "local", name: "a", root: "/r" },
    });
  });

  test.each([
    ["a key that is still to be learnt", { server: { ...server, hostKey: "learn" } }],
    ["no key", { server: { ...server, hostKey: "" } }],
    ["a private key", { identity: { privateKey: "-----BEGIN" } }],
    ["a password", { sudo: { password: "secret" } }],
    ["a key beside an agent", { identity: { agent: "/a", keyFile: "/k" } }],
    ["an address with an option in it", { server: { ...server, address: "-oProxyCommand=x y" } }],
    ["a user with a shell's sign in it", { server: { ...server, user: "me;id" } }],
    ["no server", { server: undefined }],
  ])("cannot hold %s", (_, change) =>
    expect(hostReferenceSchema.safeParse({ ...reference, ...change }).success).toBe(false),
  );

  test("names the same host whatever the way to it", () => {
    const a = hostReferenceSchema.parse(reference);
    const b = hostReferenceSchema.parse({
      ...reference,
      server: { ...server, address: "home.example", port: 2 },
      sudo: "passwordless",
    });
    expect(isSameHost(a, b)).toBe(true);
    expect(isSameHost(a, hostReferenceSchema.parse({ ...reference, root: "/other" }))).toBe(false);
    expect(isSameHost(a, { kind: "local", name: "home", root: "/r" })).toBe(false);
  });
});

describe("a host as it is stated", () => {
  test("needs a way by SSH, and has none on this machine", () => {
    const way = statedWaySchema.parse({ server, identity: { keyFile: "~/.ssh/id" } });
    const ssh = { kind: "ssh", name: "a", root: "/r" };
    expect(statedHostSchema.safeParse({ ...ssh, connection: way }).success).toBe(true);
    expect(statedHostSchema.safeParse(ssh).success).toBe(false);
    expect(statedHostSchema.safeParse({ ...ssh, kind: "local" }).success).toBe(true);
    expect(statedHostSchema.safeParse({ ...ssh, kind: "local", connection: way }).success).toBe(false);
  });
});

describe("an upload by @pulumi/command", () => {
  const way = statedWaySchema.parse({ server, identity: { agent: "/run/agent" }, bootMs: 60_000 });

  test("always says the key that the machine is held to, and the bastion's", () => {
    const bastion = { ...server, address: "gate", port: 2222, hostKey };
    expect(connectionOf({ ...way, bastion })).toEqual({
      ...{ host: "10.0.0.7", port: 22, user: "me", hostKey },
      ...{ agentSocketPath: "/run/agent", perDialTimeout: 15, dialErrorLimit: 4 },
      proxy: {
        ...{ host: "gate", port: 2222, user: "me", hostKey },
        ...{ agentSocketPath: "/run/agent", perDialTimeout: 15, dialErrorLimit: 4 },
      },
    });
  });

  test("is left to our own provider where a key would have to be read, or learnt", () => {
    expect(canBeStaged(way)).toBe(true);
    expect(canBeStaged({ ...way, identity: { keyFile: "/k" } })).toBe(false);
    expect(canBeStaged({ ...way, server: { ...way.server, hostKey: "learn" } })).toBe(false);
    expect(canBeStaged({ ...way, bastion: { ...way.server, hostKey: "learn" } })).toBe(false);
  });
});

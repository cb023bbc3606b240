import { describe, expect, test } from "vitest";
import { gpusIn, isOlder } from "../../../components/host/docker/cli.js";
import {
  dockerEngineSchema,
  engineFlags,
  engineProvider,
  type DockerEngine,
} from "../../../components/host/docker/engine.js";
import { dockerCommand, EngineUnreachable } from "../../../components/host/docker/errors.js";
import { hostReferenceSchema, isSameHost, type HostReference } from "../../../components/worker-reference.js";

const local: DockerEngine = { socket: "/var/run/docker.sock" };
const overSsh: DockerEngine = { ssh: "ssh://me@gpu-box:2222" };
const overTls: DockerEngine = { tcp: "gpu-box:2376", certFolder: "/home/me/certs/" };

test.each<[DockerEngine, flags: string[], provider: object]>([
  [local, ["--host", "unix:///var/run/docker.sock"], { host: "unix:///var/run/docker.sock" }],
  [overSsh, ["--host", "ssh://me@gpu-box:2222"], { host: "ssh://me@gpu-box:2222" }],
  [
    overTls,
    [
      ...["--host", "tcp://gpu-box:2376", "--tlsverify", "--tlscacert", "/home/me/certs/ca.pem"],
      ...["--tlscert", "/home/me/certs/cert.pem", "--tlskey", "/home/me/certs/key.pem"],
    ],
    { host: "tcp://gpu-box:2376", certPath: "/home/me/certs/" },
  ],
])("docker and Pulumi's provider are told the same engine: %j", (engine, flags, provider) => {
  expect(engineFlags(engine)).toEqual(flags);
  expect(engineProvider(engine)).toEqual(provider);
});

test.each<[why: string, engine: unknown]>([
  ["an option in a host's place", { ssh: "ssh://-oProxyCommand=touch@x" }],
  ["a host that begins as an option", { ssh: "ssh://-oProxyCommand=x" }],
  ["a password", { ssh: "ssh://me:secret@gpu-box" }],
  ["a path", { ssh: "ssh://me@gpu-box/path" }],
  ["plain TCP", { tcp: "gpu-box:2375" }],
  ["certificates from a relative folder", { tcp: "gpu-box:2376", certFolder: "certs" }],
  ["two ways at once", { socket: "/a.sock", ssh: "ssh://me@gpu-box" }],
  ["no way", {}],
])("an engine with %s is refused", (_, engine) => expect(dockerEngineSchema.safeParse(engine).success).toBe(false));

describe("a reference", () => {
  const reference: HostReference = {
    ...{ kind: "docker", name: "home-host", root: "/var/lib/lightchain-fleet" },
    ...{ engine: local, container: "a-worker", volume: "a-state" },
  };
  test("survives being written down", () => {
    expect(hostReferenceSchema.parse(JSON.parse(JSON.stringify(reference)))).toEqual(reference);
  });
  test("by another way is to the same host; by another name or kind it is not", () => {
    expect(isSameHost(reference, { ...reference, engine: overSsh, container: "b" })).toBe(true);
    expect(isSameHost(reference, { ...reference, name: "other" })).toBe(false);
    expect(isSameHost(reference, { kind: "local", name: reference.name, root: reference.root })).toBe(false);
  });
});

test.each<[version: string, than: string, older: boolean]>([
  ["1.40", "1.41", true],
  ["1.9", "1.41", true],
  ["1.41", "1.41", false],
  ["1.51", "1.41", false],
  ["2.0", "1.41", false],
])("API %s is older than %s: %s", (version, than, older) => expect(isOlder(version, than)).toBe(older));

test.each<[what: string, info: unknown, has: boolean]>([
  ["nothing but runc", { Runtimes: { runc: {} } }, false],
  ["NVIDIA's runtime", { Runtimes: { runc: {}, nvidia: {} } }, true],
  ["devices by CDI", { Runtimes: null, DiscoveredDevices: [{ Source: "cdi", ID: "nvidia.com/gpu=0" }] }, true],
  ["other devices by CDI", { Runtimes: {}, DiscoveredDevices: [{ Source: "cdi", ID: "vendor.com/nic=0" }] }, false],
])("an engine with %s has GPUs to give: %j → %s", (_, info, has) => expect(gpusIn(info)).toBe(has));

test("what a person is to run is on the same engine", () => {
  expect(dockerCommand(local, "version")).toBe("docker version");
  expect(dockerCommand(overSsh, "version")).toBe("docker --host ssh://me@gpu-box:2222 version");
  const error = new EngineUnreachable(overSsh, "first\nHost key verification failed.\n");
  expect(error.message).toBe(
    "LF1580: The Docker engine at ssh://me@gpu-box:2222 does not answer: Host key verification failed. Next: make this work, then run the same command again: docker --host ssh://me@gpu-box:2222 version",
  );
});

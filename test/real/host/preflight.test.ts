import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { host as hostResource } from "../../../components/host/host-provider.js";
import { openHost, type Host, type HostRequest } from "../../../components/host/host.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { hostErrorSchema, type PreflightLine } from "../../../schema/host.js";
import { freePort } from "../../../system/net.js";
import { runProcess } from "../../../system/process.js";
import { tool } from "../toolchain.js";
import { makeFakeBundle } from "./fake-bundle.js";
import { startOllama } from "../devnet/model/ollama.js";

let folder: string;
let bundle: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fleet-preflight-"));
  bundle = await makeFakeBundle(join(folder, "bundle"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let host: Host;
let root: string;
let port: number;
const servers: { close(): unknown }[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(folder, "host-"));
  host = openHost({ kind: "local", name: "here", root });
  await host.put(bundle);
  port = await freePort();
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) server.close();
});

type Wants = HostRequest<"preflight">["wants"];
const look = async (more: Partial<Wants> = {}): Promise<Record<string, PreflightLine>> => {
  const { lines } = await host.call("preflight", { wants: { ollamaPort: port, gpu: "none", ...more } });
  return Object.fromEntries(lines.map((line) => [line.check, line]));
};
/** A server on loopback, as an endpoint of that name. */
async function serve(name: string, answer: Parameters<typeof createServer>[1]) {
  const server: Server = createServer(answer).listen(0, "127.0.0.1");
  servers.push({ close: () => (server.close(), server.closeAllConnections()) });
  await once(server, "listening");
  return { name, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

describe("a preflight of this machine", () => {
  test("passes what it has, tells each check once, and leaves the folder as it was", async () => {
    const rpc = await serve("rpc", (_, response) => response.writeHead(404).end());
    const before = await readdir(root, { recursive: true });
    const lines = await look({ endpoints: [rpc] });
    expect(Object.keys(lines)).toHaveLength(15);
    const failed = Object.values(lines).filter(({ verdict }) => verdict === "fail");
    expect(failed).toEqual([]);
    expect(lines["operating system"]!.found).toBe(`linux ${process.arch}`);
    expect(lines["glibc"]!.found).toMatch(/^2\.\d+$/);
    expect(lines["network"]!.found).toBe("rpc answer");
    expect(lines["clock"]!.found).toBe("in step");
    expect(await readdir(root, { recursive: true })).toEqual(before);
  });

  test("refuses it when a GPU is required and the bus and driver have none, but not when the CPU is asked for", async () => {
    const bin = join(folder, "no-driver");
    await mkdir(bin, { recursive: true });
    vi.stubEnv("PATH", bin);
    const lines = await look({ gpu: "required" });
    expect(lines["GPU and driver"]).toMatchObject({
      verdict: "fail",
      fix: expect.stringMatching(/GPU|driver/) as string,
    });
    expect(lines["GPU memory"]!.verdict).toBe("fail");
    expect((await look())["GPU and driver"]!.verdict).toBe("pass");
  });

  test("takes a driver's word for its GPUs, and holds the models against their memory", async () => {
    const bin = join(folder, "driver");
    await mkdir(bin, { recursive: true });
    const script = `#!/bin/sh
case "$1" in *driver_version*) echo 570.86.15;; *) echo '0, GPU-5ebe9f43-7bd8-4d6c-a8a2-5b3d7f2a1c90, NVIDIA L4, 23034'; echo '1, GPU-0d1c7a55-24d6-4f0e-9a51-6f1b2c3d4e5f, Tesla T4, 15360';; esac
`;
    await writeFile(join(bin, "nvidia-smi"), script);
    await chmod(join(bin, "nvidia-smi"), 0o755);
    vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
    const model = (gb: number) => [{ name: "m", diskBytes: 1e9, memoryBytes: gb * 1e9 }];
    const fits = await look({ gpu: "required", models: model(6) });
    expect(fits["GPU and driver"]).toMatchObject({ verdict: "pass", found: "NVIDIA L4, Tesla T4, driver 570.86.15" });
    expect(fits["GPU memory"]!.verdict).toBe("pass");
    expect((await look({ gpu: "required", models: model(46) }))["GPU memory"]).toMatchObject({
      verdict: "fail",
      found: expect.stringContaining("m takes 43.8 GiB") as string,
    });
    expect((await look({ gpu: "required", gpus: ["1"], models: model(20) }))["GPU memory"]).toMatchObject({
      verdict: "fail",
      found: expect.stringMatching(/^15\.0 GiB, but m takes/) as string,
    });
    expect((await look({ gpu: "required", gpus: ["2"] }))["GPU and driver"]).toMatchObject({
      verdict: "fail",
      found: expect.stringMatching(/^no GPU 2; there is 0 .*1 \(GPU-0d1c7a55/) as string,
    });
  });

  test("gives a driver that hangs ten seconds, and no more", async () => {
    const bin = join(folder, "hanging-driver");
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, "nvidia-smi"), "#!/bin/sh\nexec sleep 600\n");
    await chmod(join(bin, "nvidia-smi"), 0o755);
    vi.stubEnv("PATH", `${bin}:/usr/bin:/bin`);
    const begun = Date.now();
    const lines = await look({ gpu: "required" });
    expect(Date.now() - begun).toBeLessThan(20_000);
    expect(lines["GPU and driver"]).toMatchObject({ verdict: "fail" });
    expect(lines["memory"]!.verdict).not.toBe("fail");
  });

  test("refuses a port that another program has, and knows its own Ollama's", async () => {
    const program = await tool("ollama");
    const users = await startOllama(program);
    try {
      const theirs = Number(new URL(users.url).port);
      expect((await look({ ollamaPort: theirs }))["port"]).toMatchObject({ verdict: "fail", code: "LF1303" });
    } finally {
      await users.stop();
    }
    const section = { worker: "here", section: "runtime" } as const;
    await host.call("reconcile", { ...section, desired: { kind: "runtime", ollama: program, port } });
    try {
      expect((await look())["port"]).toMatchObject({ verdict: "pass", found: `127.0.0.1:${port}, our own Ollama` });
    } finally {
      await host.call("reconcile", { ...section, desired: null });
    }
  });

  test("refuses a route that is closed, a server that never answers, and a name that nobody knows, within its time", async () => {
    const silent = createTcpServer().listen(0, "127.0.0.1");
    servers.push(silent);
    await once(silent, "listening");
    const begun = Date.now();
    const lines = await look({
      endpoints: [
        { name: "rpc", url: `http://127.0.0.1:${await freePort()}` },
        { name: "beacon", url: `http://127.0.0.1:${(silent.address() as { port: number }).port}` },
        { name: "gateway", url: "https://no-such-name.invalid" },
      ],
    });
    expect(Date.now() - begun).toBeLessThan(15_000);
    expect(lines["network"]!.verdict).toBe("fail");
    expect(lines["network"]!.found).toMatch(/rpc .*ECONNREFUSED.*beacon .*within 5 s.*gateway /);
    expect(lines["DNS"]).toMatchObject({ verdict: "fail", found: expect.stringContaining("no-such-name") as string });
  });

  test.each([
    ["45 s ahead of everybody's", -45_000, "fail"],
    ["10 s behind everybody's", 10_000, "warn"],
  ] as const)("a clock that is %s is told", async (_, ms, verdict) => {
    const date = new Date(Date.now() + ms).toUTCString();
    const rpc = await serve("rpc", (_request, response) => response.writeHead(200, { date }).end());
    expect((await look({ endpoints: [rpc] }))["clock"]).toMatchObject({
      verdict,
      fix: expect.stringContaining("timedatectl") as string,
    });
  });

  test("refuses a disk that cannot hold the weights, and memory that cannot hold the model", async () => {
    const models = [{ name: "m", diskBytes: 1e15, memoryBytes: 1e15 }];
    const lines = await look({ models });
    expect(lines["disk"]).toMatchObject({ verdict: "fail", code: "LF1350" });
    expect(lines["memory"]).toMatchObject({ verdict: "fail", found: expect.stringContaining("m takes") as string });
  });
});

describe.skipIf(process.getuid?.() !== 0)("the folder of a host (mounting one needs root)", () => {
  test.each([
    ["read-only", "ro", /read-only/],
    ["noexec", "noexec", /noexec/],
  ])("on a file system that is %s is refused", async (_, option, says) => {
    const mounted = join(folder, `mounted-${option}`);
    await mkdir(mounted);
    const { code, stderr } = await runProcess("mount", ["-t", "tmpfs", "-o", `${option},size=1m`, "tmpfs", mounted]);
    if (code !== 0) return expect(stderr).toMatch(/permission|not permitted/i); // this kernel lets nobody mount
    try {
      const request = { root: mounted, host: "here", wants: { ollamaPort: port, gpu: "none" } };
      const asked = await runProcess(process.execPath, [join(bundle, "host.js"), "preflight"], {
        input: JSON.stringify(request),
      });
      const { lines } = JSON.parse(asked.stdout) as { lines: PreflightLine[] };
      expect(lines.find(({ check }) => check === "folder")).toMatchObject({
        verdict: "fail",
        found: expect.stringMatching(says) as string,
      });
    } finally {
      await runProcess("umount", [mounted]);
    }
  });
});

describe("a host's resource", () => {
  const inputs = async (more: Record<string, unknown> = {}) => ({
    ...{ kind: "local", name: "here", root: join(root, "made"), ollama: await tool("ollama"), ollamaPort: port },
    ...{ contextLength: 0, bundle, wantedBundle: await readBundleHash(bundle), gpu: "none", strangers: "keep" },
    ...{ models: ["tiny-poet:1b"], endpoints: [] },
    ...more,
  });

  test("of an unfit machine is one coded error, starts nothing there, and can be taken away", async () => {
    const wanted = await inputs({ endpoints: [{ name: "rpc", url: `http://127.0.0.1:${await freePort()}` }] });
    const refused = await hostResource.create(wanted).then(
      () => expect.unreachable("it was made"),
      (error: unknown) => error as { message: string; id: string; properties: Record<string, unknown> },
    );
    expect(refused.message).toMatch(
      /^LF1351: Host here is not fit for a worker:\n {2}network: no answer of rpc .*ECONNREFUSED.* → open/,
    );
    expect(refused.message).not.toContain("\n    at ");
    expect(await readdir(join(root, "made"))).toEqual(["bundles"]);
    await hostResource.delete("", refused.properties);
    expect(existsSync(join(root, "made"))).toBe(false);
  });

  test("that fits is set up; another model is held against it, and one less is not", async () => {
    const wanted = await inputs();
    const made = await hostResource.create(wanted);
    const { id } = made;
    const outs = made.outs as Record<string, unknown>;
    try {
      const changes = async (news: object) => (await hostResource.diff(id, outs, news)).changes;
      expect(await changes(wanted)).toBe(false);
      expect(await changes({ ...wanted, models: [] })).toBe(false);
      const more = { ...wanted, models: ["tiny-poet:1b", "gpt-oss:120b"] };
      expect(await changes(more)).toBe(true);
      const rpc = { name: "rpc", url: `http://127.0.0.1:${await freePort()}` };
      await expect(hostResource.update(id, outs, { ...wanted, endpoints: [rpc] })).rejects.toThrow(/LF1351/);
      expect(await host.answers(`http://127.0.0.1:${port}/api/version`)).toBe(true); // as before
      await hostResource.update(id, outs, { ...wanted, strangers: "remove" }); // asks for nothing more
    } finally {
      await hostResource.delete(id, outs);
    }
    expect(existsSync(join(root, "made"))).toBe(false);
  });
});

test("a verb that a host's program does not know is refused with its code", async () => {
  const asked = await runProcess(process.execPath, [join(bundle, "host.js"), "no-such-verb"], { input: "{}" });
  expect(hostErrorSchema.parse(JSON.parse(asked.stdout)).error.code).toBe("LF1336");
  expect(asked.code).toBe(1);
});

import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { openHost, type HostReply, type HostRequest } from "../../../components/host/host.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { toJson } from "../../../schema/json.js";
import { hostErrorSchema, hostVerbs, type HostVerb } from "../../../schema/host.js";
import type { Hash } from "../../../schema/units.js";
import { settingsSchema } from "../../../schema/settings.js";
import { freePort, isPortTaken } from "../../../system/net.js";
import { tool } from "../toolchain.js";
import { makeFakeBundle } from "./fake-bundle.js";
import { startSystemd, whyNoSystemd, type SystemdMachine } from "./systemd-machine.js";
import { until } from "./world.js";

/** Says what it was given, then waits; or ends as the file `exit` beside its state tells it to. */
const sidecar = `
const fs = require("node:fs"), crypto = require("node:crypto");
const secret = fs.readFileSync(3);
const state = JSON.parse(fs.readFileSync(process.argv[process.argv.indexOf("--settings") + 1], "utf8")).stateFolder;
const said = { pid: process.pid, secret: crypto.createHash("sha256").update(secret).digest("hex"), cwd: process.cwd(), env: process.env };
fs.appendFileSync(state + "/starts", JSON.stringify(said) + "\\n");
console.log("a line for the log");
if (fs.existsSync(state + "/exit")) process.exit(Number(fs.readFileSync(state + "/exit", "utf8")));
process.on("SIGTERM", () => { fs.writeFileSync(state + "/asked", ""); process.exit(0); });
setInterval(() => undefined, 1000);
`;
const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

describe.skipIf(whyNoSystemd() !== undefined)("a host under a real systemd", () => {
  let folder: string;
  let root: string;
  let machine: SystemdMachine;
  let bundle: string;
  let bundleHash: Hash;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fl-"));
    bundle = await makeFakeBundle(join(folder, "bundle"), sidecar);
    bundleHash = await readBundleHash(bundle);
    machine = await startSystemd();
  });
  afterAll(async () => {
    await machine.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    root = join(folder, "1% $HOME %h"); // everything that means something in a unit file
    await openHost({ kind: "local", name: "here", root }).put(bundle);
  });
  afterEach(async () => {
    if (existsSync(join(root, "workers"))) await removeService();
    await rm(root, { recursive: true, force: true });
  });

  /** Runs a verb of the host program there, as a transport would. */
  async function call<V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>> {
    const identity = verb === "control" || verb === "proofOfDeath" ? { root } : { root, host: "here" };
    const place = join(root, "bundles", bundleHash);
    const input = toJson({ ...identity, ...request });
    const ended = await machine.run(join(place, "node"), [join(place, "host.js"), verb], input);
    const answer = JSON.parse(ended.stdout) as unknown;
    const refused = hostErrorSchema.safeParse(answer);
    if (refused.success) throw new Error(`${refused.data.error.code}: ${refused.data.error.summary}`);
    return hostVerbs[verb].reply.parse(answer) as never;
  }
  const settings = (logLevel: "info" | "debug") => ({
    ...settingsSchema.parse({
      worker: "home",
      host: "here",
      address,
      network: networks.testnet,
      models: ["llama3-8b"],
      stateFolder: state(),
      inference: { ollamaUrl: "http://127.0.0.1:1" },
    }),
    logLevel,
  });
  const state = (): string => join(root, "workers/home/state");
  const service = (logLevel: "info" | "debug" = "info") =>
    call("reconcile", {
      worker: "home",
      section: "service",
      desired: { kind: "service", bundle: bundleHash, settings: settings(logLevel) },
    });
  const removeService = () => call("reconcile", { worker: "home", section: "service", desired: null });
  async function seal(secret: Uint8Array): Promise<void> {
    const { sealKey, services } = await call("facts", {});
    expect(services).toBe("systemd");
    const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch: 1, address } as const;
    await call("seal", { worker: "home", address, epoch: 1, sealed: sealForHost(to, secret) });
  }
  interface Start {
    pid: number;
    secret: string;
    cwd: string;
    env: Record<string, string>;
  }
  const starts = async (): Promise<Start[]> =>
    (await readFile(join(state(), "starts"), "utf8").catch(() => ""))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Start);
  const started = (count: number) => until(async () => (await starts()).length >= count, `${count} starts`);
  const unit = (): string => serviceName(root, "worker-home");
  const show = async (key: string): Promise<string> => (await machine.systemctl("show", "-P", key, unit())).trim();

  test("gives the sidecar its secret, folder and environment, whatever the host's path holds, and the secret is in no unit", async () => {
    const secret = randomBytes(64);
    await seal(secret);
    const report = await service();
    expect(report.service).toMatchObject({ state: "running" });
    await started(1);
    const [first] = await starts();
    expect(first!.secret).toBe(createHash("sha256").update(secret).digest("hex"));
    expect(first!.cwd).toBe(join(root, "workers/home"));
    expect(first!.env["HOME"]).toBe(join(root, "workers/home"));
    expect(await readFile(join(root, "workers/home/sidecar.log"), "utf8")).toContain("a line for the log");
    const text = await machine.systemctl("cat", unit());
    expect(findSecrets(Buffer.from(text), [needleOf("the secret", secret)])).toEqual([]);
    expect(await show("After")).toContain(serviceName(root, "ollama"));
    expect(await show("UnitFileState")).toBe("enabled");
  });

  test("changes nothing when nothing changed, and restarts the sidecar gently when its settings did", async () => {
    await seal(randomBytes(64));
    expect((await service()).changes).toEqual(["started worker home"]);
    await started(1);
    expect((await service()).changes).toEqual([]);
    expect(await starts()).toHaveLength(1);
    expect((await service("debug")).changes).toEqual(["started worker home"]);
    expect(existsSync(join(state(), "asked"))).toBe(true);
    await started(2);
  });

  test("starts a killed sidecar again", async () => {
    await seal(randomBytes(64));
    await service();
    await started(1);
    await machine.run("kill", ["-9", String((await starts())[0]!.pid)]);
    await started(2);
    await until(async () => (await show("ActiveState")) === "active", "an active unit");
  });

  test("leaves a misconfigured sidecar down, says so, and starts it when it is asked for again", async () => {
    await seal(randomBytes(64));
    await service();
    await started(1);
    await machine.run("/bin/sh", ["-c", `echo 78 > "$1"`, "sh", join(state(), "exit")]);
    await machine.run("kill", ["-9", String((await starts())[0]!.pid)]);
    await until(async () => (await show("ActiveState")) === "failed", "a failed unit");
    await expect(call("control", { worker: "home", request: { op: "status" } })).rejects.toThrow(
      /LF1320: .*exit code 78/,
    );
    expect(await call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: true });
    await rm(join(state(), "exit"));
    expect((await service()).service).toMatchObject({ state: "running" });
    expect(await call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: false });
  });

  test("never gives up on a sidecar that crashes at once, however often", async () => {
    await seal(randomBytes(64));
    await service();
    await started(1);
    await machine.run("/bin/sh", ["-c", `echo 1 > "$1"`, "sh", join(state(), "exit")]);
    await machine.run("kill", ["-9", String((await starts())[0]!.pid)]);
    await started(8); // systemd's own limit is five in ten seconds
    expect((await service()).changes).toEqual(["started worker home"]); // at once, whatever it waited for
    await rm(join(state(), "exit"));
    await until(async () => (await show("ActiveState")) === "active", "an active unit");
  });

  test("runs Ollama, and leaves nothing at all once its document is empty", async () => {
    const port = await freePort();
    const ollama = await tool("ollama");
    const runtime = (desired: { kind: "runtime"; ollama: string; port: number } | null) =>
      call("reconcile", { worker: "here", section: "runtime", desired });
    const first = await runtime({ kind: "runtime", ollama, port });
    expect(first.changes).toEqual([`started Ollama ${first.runtime!.version}`]);
    expect((await runtime({ kind: "runtime", ollama, port })).changes).toEqual([]);
    await seal(randomBytes(64));
    await service();
    await removeService();
    expect((await runtime(null)).changes).toEqual(["stopped Ollama"]);
    expect(await isPortTaken(port)).toBe(false);
    expect(existsSync(root)).toBe(false);
    expect(await machine.systemctl("list-units", "--all", "--plain", "--no-legend", "lightchain-*")).toBe("");
    expect((await machine.run("find", ["/etc/systemd/system", "-name", "lightchain-*"])).stdout).toBe("");
  });
});

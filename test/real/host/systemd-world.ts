import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import { openHost, type HostReply, type HostRequest } from "../../../components/host/host.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { documentSchema, hostErrorSchema, hostVerbs, type HostFacts, type HostVerb } from "../../../schema/host.js";
import { toJson } from "../../../schema/json.js";
import { addressSchema } from "../../../schema/network.js";
import { settingsSchema, type Settings } from "../../../schema/settings.js";
import type { Hash } from "../../../schema/units.js";
import { makeFakeBundle } from "./fake-bundle.js";
import { startSystemd, type SystemdMachine } from "./systemd-machine.js";
import { until } from "./world.js";

/**
 * A program in the sidecar's place. It says what it was given; answers on its control socket, unless there is a file `mute`; ends as the file `exit` tells it to; runs
 * commands that it finds in the file `try`; and when it is told to end, first finishes a job of as many milliseconds as the file `job` says. All of them in its state folder.
 */
export const sayingSidecar = `
const fs = require("node:fs"), crypto = require("node:crypto"), net = require("node:net");
const arg = (name) => process.argv[process.argv.indexOf(name) + 1];
const from = arg("--secrets");
const secret = fs.readFileSync(from.startsWith("file:") ? from.slice(5) : Number(from.slice(3)));
const state = JSON.parse(fs.readFileSync(arg("--settings"), "utf8")).stateFolder;
const note = (line) => fs.appendFileSync(state + "/events", line + " " + process.pid + "\\n");
const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");
const said = { pid: process.pid, uid: process.getuid(), groups: process.getgroups(), from, secret: sha256(secret), cwd: process.cwd(), env: process.env };
const say = () => fs.appendFileSync(state + "/starts", JSON.stringify(said) + "\\n");
console.log("a line for the log");
note("start");
if (fs.existsSync(state + "/exit")) say(), process.exit(Number(fs.readFileSync(state + "/exit", "utf8")));
process.on("SIGTERM", () => {
  fs.writeFileSync(state + "/asked", "");
  const job = fs.existsSync(state + "/job") ? Number(fs.readFileSync(state + "/job", "utf8")) : 0;
  setTimeout(() => { note("job done"); process.exit(0); }, job);
});
fs.writeFileSync(state + "/control.token", "token", { mode: 0o600 });
fs.rmSync(state + "/control.sock", { force: true });
net.createServer((socket) => {
  socket.on("error", () => undefined);
  if (!fs.existsSync(state + "/mute")) socket.end(JSON.stringify({ ok: false, error: { code: "LF1499", summary: "no", fix: "no" } }) + "\\n");
}).listen(state + "/control.sock", say);
const kept = new Set();
setInterval(() => {
  const file = state + "/try";
  if (!fs.existsSync(file)) return;
  const source = fs.readFileSync(file, "utf8");
  if (kept.has(source)) return;
  kept.add(source);
  const results = Object.fromEntries(Object.entries(JSON.parse(source)).map(([name, code]) => {
    try { return [name, String(eval(code))]; } catch (error) { return [name, error.code ?? String(error)]; }
  }));
  fs.writeFileSync(state + "/tried", JSON.stringify(results));
}, 50);
`;

export const address = addressSchema.parse("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");

/** What the program said at its start. */
export interface Start {
  pid: number;
  uid: number;
  groups: number[];
  from: string;
  secret: string;
  cwd: string;
  env: Record<string, string>;
}

/** A machine with a real systemd, and a folder of it as a host. */
export interface SystemdWorld {
  readonly machine: SystemdMachine;
  readonly root: string;
  readonly bundle: Hash;
  /** Runs a verb of the host program there, as a transport would. */
  call<V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>>;
  /** Seals a secret to it. @returns what it said of itself */
  seal(secret: Uint8Array, worker?: string, epoch?: number): Promise<HostFacts>;
  service(worker?: string, more?: Partial<Settings>): Promise<HostReply<"reconcile">>;
  removeService(worker?: string): Promise<HostReply<"reconcile">>;
  folder(worker?: string): string;
  state(worker?: string): string;
  unit(worker?: string): string;
  show(key: string, worker?: string): Promise<string>;
  starts(worker?: string): Promise<Start[]>;
  started(count: number, worker?: string): Promise<Start[]>;
  /** What the program is told to run, each expression's text, or the code of its error. */
  tries<K extends string>(expressions: Record<K, string>, worker?: string): Promise<Record<K, string>>;
  /** An empty host folder. */
  renew(): Promise<void>;
  clear(): Promise<void>;
  end(): Promise<void>;
}

/**
 * Boots it.
 * @param name of the host's folder
 * @param base what that lies below, in a folder of its own that is closed to other users
 */
export async function makeSystemdWorld(
  name: string,
  makeBundle: (folder: string) => Promise<unknown> = (folder) => makeFakeBundle(folder, sayingSidecar),
  base = tmpdir(),
): Promise<SystemdWorld> {
  const folder = await mkdtemp(join(base, "fl-"));
  const source = join(folder, "bundle");
  await makeBundle(source);
  const bundle = await readBundleHash(source);
  const machine = await startSystemd();
  const root = join(folder, name);
  const workers = new Set<string>();

  const call: SystemdWorld["call"] = async (verb, request) => {
    const identity = verb === "control" || verb === "proofOfDeath" ? { root } : { root, host: "here" };
    const place = join(root, "bundles", bundle);
    const ended = await machine.run(
      join(place, "node"),
      [join(place, "host.js"), verb],
      toJson({ ...identity, ...request }),
    );
    const answer = JSON.parse(ended.stdout) as unknown;
    const refused = hostErrorSchema.safeParse(answer);
    if (refused.success) throw new Error(`${refused.data.error.code}: ${refused.data.error.summary}`);
    return hostVerbs[verb].reply.parse(answer) as never;
  };
  const home = (worker = "home"): string => join(root, "workers", worker);
  const state = (worker = "home"): string => join(home(worker), "state");
  const unit = (worker = "home"): string => serviceName(root, `worker-${worker}`);
  const starts = async (worker = "home"): Promise<Start[]> =>
    (await readFile(join(state(worker), "starts"), "utf8").catch(() => ""))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Start);
  const removeService = (worker = "home") => call("reconcile", { worker, section: "service", desired: null });
  const clear = async (): Promise<void> => {
    for (const worker of workers) if (existsSync(home(worker))) await removeService(worker);
    workers.clear();
    const file = join(root, "document.json");
    const left = existsSync(file) ? documentSchema.parse(JSON.parse(await readFile(file, "utf8"))) : undefined;
    for (const [worker, { models, service }] of Object.entries(left?.workers ?? {})) {
      if (service !== null) await removeService(worker);
      for (const name of Object.keys(models))
        await call("reconcile", { worker, section: "model", name, desired: null });
    }
    for (const worker of Object.keys(left?.runtime ?? {}))
      await call("reconcile", { worker, section: "runtime", desired: null });
    await rm(root, { recursive: true, force: true });
  };
  return {
    machine,
    root,
    bundle,
    call,
    seal: async (secret, worker = "home", epoch = 1) => {
      workers.add(worker);
      const facts = await call("facts", {});
      const to = { hostPublicKey: Buffer.from(facts.sealKey, "hex"), host: "here", epoch, address } as const;
      await call("seal", { worker, address, epoch, sealed: sealForHost(to, secret) });
      return facts;
    },
    service: (worker = "home", more = {}) => {
      workers.add(worker);
      const settings = settingsSchema.parse({
        worker,
        host: "here",
        address,
        network: networks.testnet,
        models: ["llama3-8b"],
        stateFolder: state(worker),
        inference: { ollamaUrl: "http://127.0.0.1:1" },
      });
      const desired = { kind: "service", bundle, settings: { ...settings, ...more } } as const;
      return call("reconcile", { worker, section: "service", desired });
    },
    removeService,
    folder: home,
    state,
    unit,
    show: async (key, worker) => (await machine.systemctl("show", "-P", key, unit(worker))).trim(),
    starts,
    started: async (count, worker) => {
      await until(async () => (await starts(worker)).length >= count, `${count} starts`);
      return starts(worker);
    },
    tries: async (expressions, worker) => {
      await rm(join(state(worker), "tried"), { force: true });
      const fresh = { ...expressions, marker: JSON.stringify(String(Math.random())) };
      await machine.run("tee", [join(state(worker), "try")], JSON.stringify(fresh));
      const read = () => readFile(join(state(worker), "tried"), "utf8").catch(() => "");
      await until(async () => (await read()).endsWith("}"), "what was tried");
      return JSON.parse(await read()) as never;
    },
    renew: async () => {
      await mkdir(folder, { recursive: true });
      await openHost({ kind: "local", name: "here", root }).put(source);
    },
    clear,
    end: async () => {
      await machine.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

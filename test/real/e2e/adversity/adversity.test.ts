import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openHost } from "../../../../components/host/host.js";
import { ask } from "../../../../components/service/status.js";
import { preflight } from "../../../../components/worker/preflight.js";
import { resolveWorker } from "../../../../components/worker/resolve.js";
import { runningIn } from "../../../../devnet/background.js";
import type { SidecarStatus } from "../../../../schema/control.js";
import { freePort } from "../../../../system/net.js";
import { throughFullDisk } from "../../hosts/served-troubles.js";
import { consumerOf, openRehearsal, processesIn, type Rehearsal } from "../rehearsal.js";
import { openGround, type Ground } from "../killed/ground.js";
import { wholeLife } from "../killed/life-on-chain.js";
import { openSmallDisk, whyNoDisks, type SmallDisk } from "./small-disk.js";
import { named, strike, type Strike } from "./strike.js";
import { both, breakableOllama, fault, full, type BreakableOllama, type Trouble } from "./troubles.js";

/* One worker's life on one network: every up and every destroy meets a trouble that passes, says which, and the next one goes on. */
let rehearsal: Rehearsal;
let ground: Ground;
let control: string;
let ollama: BreakableOllama;
let noDisks: string | undefined;
let disks: Readonly<Record<"host" | "keys" | "state", SmallDisk>>;
/** What a node that says nothing, and one that is overloaded, do to a preflight; they take long, so they run beside everything else. */
let unanswered: Promise<{ readonly message: string; readonly seconds: number }[]>;
const silent: Server[] = [];
beforeAll(async () => {
  const opened = await openRehearsal();
  const { root } = opened.folders;
  noDisks = await whyNoDisks(join(root, "disk"));
  if (noDisks !== undefined) console.warn(`Not run on this machine, the tests of full disks: ${noDisks}`);
  const at = (name: string): string => join(root, `${name}-disk`);
  const folders = {
    ...opened.folders,
    host: join(at("host"), "host"),
    keys: join(at("keys"), "keys"),
    state: join(at("state"), "state"),
  };
  if (noDisks === undefined) {
    const [host, keys, state] = await Promise.all(["host", "keys", "state"].map((name) => openSmallDisk(at(name))));
    disks = { host: host!, keys: keys!, state: state! };
  }
  rehearsal = { ...opened, folders };
  ollama = await breakableOllama(root, opened.tools.ollama, folders.host);
  ground = await openGround(rehearsal, "home", { ollama: ollama.program, patienceMs: 3_000 });
  control = (await runningIn(folders.network))!.control;
  unanswered = Promise.all([() => undefined, (answer: () => void) => answer()].map(preflightAgainst));
}, 600_000);
afterAll(async () => {
  await ground?.end();
  for (const server of silent) server.close();
  for (const disk of Object.values(disks ?? {})) await disk.unmount();
  await rehearsal.end();
});

/** A preflight whose node treats every request so. */
async function preflightAgainst(treat: (answer: () => void) => void): Promise<{ message: string; seconds: number }> {
  const server = createServer((_, response) => treat(() => response.writeHead(503).end("overloaded")));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  silent.push(server);
  const { stage } = ground;
  const { port } = server.address() as { port: number };
  const begun = Date.now();
  const worker = resolveWorker("elsewhere", {
    network: { ...stage.network, endpoints: { ...stage.network.endpoints, rpc: `http://127.0.0.1:${port}` } },
    host: { root: join(rehearsal.folders.root, "elsewhere"), ollama: ollama.program, ollamaPort: await freePort() },
    models: [stage.model],
    store: stage.operator.store.url,
    treasury: { store: stage.operator.store.url, ref: stage.operator.treasury },
    refundTo: stage.operator.refundTo,
  });
  const before = process.env["LIGHTCHAIN_PASSPHRASE_FILE"];
  process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = rehearsal.folders.passphrase;
  const message = await preflight(worker).then(
    () => "",
    (error: unknown) => (error as Error).message,
  );
  if (before === undefined) delete process.env["LIGHTCHAIN_PASSPHRASE_FILE"];
  else process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = before;
  return { message, seconds: (Date.now() - begun) / 1_000 };
}

const rpcIs = (kind: "drop" | "status"): Trouble => fault(control, { part: "rpc", kind });
const gatewayIs = (kind: "drop" | "status", status?: number): Trouble =>
  fault(control, { part: "gateway", kind, ...(status === undefined ? {} : { status }) });

const status = (): Promise<SidecarStatus> =>
  ask(openHost({ kind: "local", name: "home-host", root: rehearsal.folders.host }), "home", { op: "status" });

describe("an up", () => {
  const blows: readonly Strike[] = [
    {
      what: "whose host's disk has no room for the bundle leaves nothing there",
      needsDisks: true,
      trouble: () => ({ begin: () => disks.host.grow(16 * 1024 ** 2), end: () => disks.host.grow() }),
      says: /LF1350: The disk of .* is full: the bundle could not be brought there\. Next: df -h/,
      then: async () => expect(await readdir(rehearsal.folders.host)).toEqual([]),
    },
    {
      what: "whose host's disk is full when a model is pulled",
      needsDisks: true,
      at: { type: "Model", moment: "in flight" },
      trouble: () => full(disks.host),
      says: /LF1350: The disk of .* is full/,
    },
    {
      what: "whose Ollama cannot be started when a model is to be pulled",
      at: { type: "Model", moment: "in flight" },
      trouble: () => ollama.dead,
      says: /LF1307: Ollama was started but does not answer at \S+: it ends again and again, last with exit code 3\./,
    },
    {
      what: "whose host's disk is full when the service is set up",
      needsDisks: true,
      at: { type: "Service", moment: "in flight" },
      trouble: () => full(disks.host),
      says: /LF1350: The disk of .* is full/,
    },
    {
      what: "whose key store is full sends nothing, since it could not be written down",
      needsDisks: true,
      at: { type: "Funding", moment: "in flight" },
      trouble: () => full(disks.keys),
      says: /LF1108: The key store .* cannot be written to: its disk is full\. Next: df -h/,
      then: async () => expect((await ground.count()).fundings).toBe(0),
    },
    {
      what: "whose node is gone when the payment is in no block yet",
      at: { type: "Funding", moment: "in flight" },
      kept: "treasury",
      trouble: () => rpcIs("drop"),
      says: /LF1238: The network's node did not answer/,
    },
    {
      what: "whose Ollama is dead when the worker is rehearsed stakes nothing",
      at: { type: "Registration", moment: "in flight" },
      trouble: () => ollama.dead,
      says: /LF1460: Worker home gets no further: The rehearsal failed: tiny-poet:1b did not answer: .*Then: pulumi up/,
      then: async () => {
        expect(await ground.count()).toMatchObject({ fundings: 1, registrations: 0 });
      },
    },
    {
      what: "whose node answers errors when the registration is in no block yet",
      at: { type: "Registration", moment: "in flight" },
      kept: "worker",
      trouble: () => rpcIs("status"),
      says: /LF1(405|238): Worker home gets no further: .*Then: pulumi up/,
    },
    {
      what: "whose gateway refuses the worker names it, and keeps the registration",
      trouble: () => gatewayIs("status", 403),
      says: /LF1440: Worker home gets no further: The gateway http:\S+ refused this worker \(403/,
      then: async () => {
        expect(await ground.count()).toMatchObject({ registrations: 1, isRegistered: true });
        expect((await ground.pulumi("stack", "export")).stdout).toContain("home-registration");
      },
    },
    {
      what: "whose state cannot be saved fails by the engine's own word",
      needsDisks: true,
      at: { type: "Registration", moment: "in flight" },
      trouble: () => full(disks.state),
      says: /no space left on device/,
    },
  ];
  test.each(named(blows))("%s", async (_, blow) => {
    if (blow.needsDisks && noDisks !== undefined) return;
    await strike(ground, "up", blow);
  });

  test("converges once all of that is over, although the chain's clock is a day ahead of this machine's, which it says", async () => {
    await rehearsal.network.advance(86_500);
    const { code, stdout, stderr } = await ground.fleet("up", "--yes");
    expect(stdout + stderr).toMatch(/LF1555: This machine's clock is 24 hours behind the chain's newest block/);
    expect(code).toBe(0);
    expect(await ground.count()).toMatchObject({ fundings: 1, registrations: 1, isRegistered: true });
    expect((await ground.pulumi("stack", "export")).stdout).not.toMatch(/"pending_operations"|"initErrors"/);
  });

  test("of a node that hangs, or is overloaded, ends by itself, and with one line", async () => {
    for (const { message, seconds } of await unanswered) {
      expect(message).toMatch(/^LF1212: The node at http:\S+ of \S+ could not be asked\. Next: .*$/);
      expect(seconds).toBeLessThan(40);
    }
  });
});

describe("a worker that serves", () => {
  test("stops to claim while its disk is full, says so, and goes on when there is room", async () => {
    if (noDisks !== undefined) return;
    const { network, accountsFile, model } = ground.stage;
    const consumer = await consumerOf(network, accountsFile);
    const asked = { consumer, stage: ground.stage, model, worker: await ground.address(), control };
    await throughFullDisk({ status, asking: async () => asked }, full(disks.host));
    await rehearsal.network.advance(86_500);
  });
});

describe("a destroy", () => {
  const blows: readonly Strike[] = [
    {
      what: "whose key store is full does not begin to leave, since that could not be written down",
      needsDisks: true,
      trouble: () => full(disks.keys),
      says: /LF1108: The key store .* cannot be written to: its disk is full\. Next: df -h/,
      then: async () => expect((await status()).mode).toBe("live"),
    },
    {
      what: "whose node is gone in the middle of the leave",
      at: { type: "Registration", moment: "in flight" },
      kept: "worker",
      trouble: () => rpcIs("drop"),
      says: /LF1512: .*Next: pulumi destroy again/,
    },
    {
      what: "that needs neither gateway nor Ollama to leave keeps the keys while the node cannot be asked",
      at: { type: "Host", moment: "in flight" },
      trouble: () => rpcIs("drop"),
      says: /LF1512: .*Next: pulumi destroy again/,
      then: async () => {
        expect(existsSync(rehearsal.folders.host)).toBe(false);
        expect((await ground.pulumi("stack", "export")).stdout).toContain("home-keys");
      },
    },
  ];
  test.each(named(blows))("%s", async (_, blow) => {
    if (blow.needsDisks && noDisks !== undefined) return;
    const without = both(gatewayIs("drop"), ollama.dead);
    if (blow.at?.type === "Host") await without.begin();
    await strike(ground, "destroy", blow);
    if (blow.at?.type === "Host") await without.end();
  });

  test("finishes when it is over: paid once, registered once, all of it back, nothing left running", async () => {
    expect(await ground.pulumi("destroy", "--yes", "--skip-preview")).toMatchObject({ code: 0 });
    const { sent, ...counts } = await ground.count();
    expect(counts).toEqual({ fundings: 1, registrations: 1, balance: 0n, isRegistered: false });
    // Beside what each life does on chain, which may rehearse again after a failure, there is only what the one job took.
    for (const name of wholeLife.sent.filter((one) => one !== "rehearsal"))
      expect([name, sent.filter((other) => other === name).length]).toEqual([name, 1]);
    expect(await processesIn(rehearsal.folders.host)).toEqual([]);
    const { stage } = ground;
    expect(await stage.client.getBalance({ address: stage.operator.refundTo })).toBeGreaterThan(5_049n * 10n ** 18n);
  });
});

import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesToHex, createPublicClient, createWalletClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createConsumer } from "../../../devnet/consumer/consumer.js";
import { startDevnet, type Devnet } from "../../../devnet/network.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { generateWorkerRecord } from "../../../keystore/worker-keys.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import type { ControlRequest, SidecarStatus } from "../../../schema/control.js";
import { toJson } from "../../../schema/json.js";
import { settingsSchema } from "../../../schema/settings.js";
import { wei } from "../../../schema/units.js";
import { buildBundle } from "../../../scripts/bundle.js";
import { freePort } from "../../../system/net.js";
import { loadKzg } from "../../../system/kzg.js";
import { tool } from "../toolchain.js";
import { whyNoSystemd } from "./systemd-machine.js";
import { makeSystemdWorld, type SystemdWorld } from "./systemd-world.js";
import { until } from "./world.js";

const model = "tiny-poet:1b";

describe.skipIf(whyNoSystemd() !== undefined)("a real worker in its sandbox", () => {
  let folder: string;
  let devnet: Devnet;
  let world: SystemdWorld;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-"));
    world = await makeSystemdWorld("host", buildBundle);
    devnet = await startDevnet({ dir: join(folder, "devnet"), tools: { geth: await tool("geth") } });
    await world.renew();
  });
  afterAll(async () => {
    await world.clear();
    await world.end();
    await devnet.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("joins, answers with a real Ollama in a sandbox of its own, and is replaced with a job in flight, which is answered", async () => {
    const { network } = devnet;
    const [ollamaPort, metricsPort] = [await freePort(), await freePort()];
    const runtime = { kind: "runtime", ollama: await tool("ollama"), port: ollamaPort } as const;
    await world.call("reconcile", { worker: "home", section: "runtime", desired: runtime });
    const { pull } = devnet.models.find(({ name }) => name === model)!;
    const wanted = { kind: "model", name: model, source: pull, insecure: true, digest: null } as const;
    const { model: report } = await world.call("reconcile", {
      worker: "home",
      section: "model",
      name: model,
      desired: wanted,
    });
    expect(report?.sample).not.toBe("");

    const treasury = privateKeyToAccount(devnet.accounts.treasury.privateKey);
    const record = generateWorkerRecord({
      chainId: network.chainId,
      workerRegistry: network.contracts.workerRegistry,
      name: "home",
      refundTo: treasury.address,
    });
    const { address } = record;
    const settings = (logLevel: "info" | "debug") =>
      settingsSchema.parse({
        worker: "home",
        host: "here",
        address,
        network,
        models: [model],
        stateFolder: world.state(),
        metricsPort,
        logLevel,
        inference: { ollamaUrl: `http://127.0.0.1:${ollamaPort}` },
        services: { lifecycleProbeMs: 1_000, heartbeatMs: 2_000, releaseProbeMs: 2_000, rehearsalTokens: 8 },
      });
    const secret = toJson({
      version: 1,
      chainId: network.chainId,
      workerRegistry: network.contracts.workerRegistry,
      address,
      signingKey: bytesToHex(record.signingKey),
      encryptionKey: bytesToHex(record.encryptionKey),
      refundTo: treasury.address,
      host: "here",
      epoch: 1,
      leaving: false,
      generation: 1,
    });
    const { sealKey } = await world.call("facts", {});
    const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch: 1, address } as const;
    await world.call("seal", { worker: "home", address, epoch: 1, sealed: sealForHost(to, Buffer.from(secret)) });
    const service = (logLevel: "info" | "debug") =>
      world.call("reconcile", {
        worker: "home",
        section: "service",
        desired: { kind: "service", bundle: world.bundle, settings: settings(logLevel) },
      });
    await service("info");

    const ask = async (request: ControlRequest): Promise<SidecarStatus> => {
      const reply = await world.call("control", { worker: "home", request });
      if (!reply.ok) throw new Error(`${reply.error.code}: ${reply.error.summary}`);
      return reply.status;
    };
    const log = () => readFile(join(world.folder(), "sidecar.log"), "utf8").catch(() => "");
    /** With what the sidecar has logged when it does not come to it. */
    const explained = <T>(work: Promise<T>): Promise<T> =>
      work.catch(async (error: unknown) => {
        throw new Error(`${String(error)}\n${await log()}`);
      });
    const reach = async (mode: SidecarStatus["mode"]): Promise<void> => {
      const isThere = (): Promise<boolean> =>
        ask({ op: "status" }).then(
          (status) => status.mode === mode,
          () => false,
        );
      await explained(until(isThere, mode));
    };
    await reach("standby");
    const transport = http(network.endpoints.rpc);
    const hash = await createWalletClient({ account: treasury, transport }).sendTransaction({
      to: address,
      value: parseEther("5100"),
      chain: null,
    });
    await createPublicClient({ transport }).waitForTransactionReceipt({ hash });
    const stake = { kind: "minimum", max: wei(parseEther("5000")) } as const;
    const serving = { generation: 1, models: [modelIdOf(model)], stake, gasReserve: wei(parseEther("5")) };
    await ask({ op: "live", serving });
    await reach("live");

    const account = privateKeyToAccount(devnet.accounts.consumers[0]!.privateKey);
    const consumer = await createConsumer({ network, account, kzg: await loadKzg() });
    const session = await consumer.requestSession(model);
    expect((await explained(consumer.ask(session, `Tell me about the river. ${randomUUID()}`))).verified).toBe(
      "verified",
    );
    expect(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()).toContain("worker_ollama_up 1");

    const before = await world.show("MainPID");
    const held = devnet.faults.add({
      part: "chain",
      kind: "withhold",
      match: { from: address.toLowerCase() as `0x${string}`, type: "blob" },
    });
    const pending = await consumer.submit(session, "And the mountain?");
    const inFlight = async () =>
      (await ask({ op: "status" })).jobs.some(({ state }) =>
        /^(admitted|acking|acked|answered|signed|publishing|blobbing)$/.test(state),
      );
    await until(inFlight, "a job in flight");
    const replaced = service("debug");
    await reach("draining");
    devnet.faults.remove(held);
    await explained(replaced);
    expect(await world.show("MainPID")).not.toBe(before);
    expect((await explained(consumer.follow(pending))).verified).toBe("verified");
    expect(await world.show("NRestarts")).toBe("0");
    expect((await log()).split("\n").filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
  });
});

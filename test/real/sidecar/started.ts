import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { bytesToHex } from "viem";
import { generateWorkerRecord } from "../../../keystore/worker-keys.js";
import type { ControlRequest, SidecarStatus } from "../../../schema/control.js";
import { toJson } from "../../../schema/json.js";
import type { Network } from "../../../schema/network.js";
import type { SettingsInput } from "../../../schema/settings.js";
import type { Address } from "../../../schema/units.js";
import { callControl } from "../../../system/control-client.js";
import { systemClock } from "../../../system/clock.js";
import { compiled } from "../../../system/package-root.js";
import { startProcess } from "../../../system/process.js";

/** A worker's key, folder and settings; its sidecar can be started, killed and started again. */
export interface RealWorker {
  readonly address: Address;
  readonly folder: string;
  start(epoch?: number): ChildProcess;
  call(request: ControlRequest): Promise<SidecarStatus>;
  /** Asks for the status until it is as wanted. */
  until(wanted: (status: SidecarStatus) => boolean, what: string, withinMs?: number): Promise<SidecarStatus>;
  log(): Promise<string>;
  /** The same worker once more, in another folder that begins as a copy of this one as it is now: what a copied disk or a restored machine image is. */
  copy(folder: string): Promise<RealWorker>;
  /** The same worker in a folder with nothing in it: what a new host is. */
  elsewhere(folder: string): Promise<RealWorker>;
}

/** The compiled sidecar as its host starts it: settings in a file, the secret on a pipe, nothing in argv or environment. */
export async function realWorker(options: {
  folder: string;
  network: Network;
  model: string;
  ollamaUrl: string;
  refundTo: Address;
  settings?: Partial<SettingsInput>;
}): Promise<RealWorker> {
  const { folder, network, refundTo } = options;
  const record = generateWorkerRecord({
    chainId: network.chainId,
    workerRegistry: network.contracts.workerRegistry,
    name: "real",
    refundTo,
  });
  return inFolder(folder, record, options);
}

async function inFolder(
  folder: string,
  record: ReturnType<typeof generateWorkerRecord>,
  options: Omit<Parameters<typeof realWorker>[0], "folder">,
): Promise<RealWorker> {
  const { network, model, ollamaUrl, refundTo } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stateFolder = join(folder, "state");
  const settingsPath = join(folder, "settings.json");
  const logPath = join(folder, "sidecar.log");
  const settings: SettingsInput = {
    worker: "real",
    host: "test-host",
    address: record.address,
    network,
    models: [model],
    stateFolder,
    jobs: { shutdownMs: 20_000 },
    inference: { ollamaUrl },
    services: { lifecycleProbeMs: 1_000, heartbeatMs: 2_000, releaseProbeMs: 2_000, rehearsalTokens: 8 },
    ...options.settings,
  };
  await writeFile(settingsPath, JSON.stringify(settings));
  const secret = (epoch: number): string =>
    toJson({
      version: 1,
      chainId: network.chainId,
      workerRegistry: network.contracts.workerRegistry,
      address: record.address,
      signingKey: bytesToHex(record.signingKey),
      encryptionKey: bytesToHex(record.encryptionKey),
      refundTo,
      host: "test-host",
      epoch,
      leaving: false,
      generation: 1,
    });
  const call = async (request: ControlRequest): Promise<SidecarStatus> => {
    const reply = await callControl(stateFolder, request);
    if (!reply.ok) throw new Error(`${reply.error.code}: ${reply.error.summary}`);
    return reply.status;
  };
  return {
    address: record.address,
    folder,
    start: (epoch = 1) => {
      const child = startProcess(
        process.execPath,
        [compiled("sidecar/main.js"), "--settings", settingsPath, "--secrets", "fd:3"],
        { stdio: ["ignore", "ignore", "pipe", "pipe"], env: {} },
      );
      child.stderr!.pipe(createWriteStream(logPath, { flags: "a" }));
      const pipe = child.stdio[3] as Writable;
      pipe.on("error", () => undefined); // a child that is killed at once does not read it
      pipe.end(secret(epoch));
      return child;
    },
    call,
    until: async (wanted, what, withinMs = 120_000) => {
      const end = systemClock.now() + withinMs;
      for (let last: unknown; ; last = last) {
        try {
          const status = await call({ op: "status" });
          if (wanted(status)) return status;
          last = status;
        } catch (error) {
          last = String(error);
        }
        if (systemClock.now() > end)
          throw new Error(
            `not within ${withinMs} ms: ${what}; last: ${toJson(last)}\n${await readFile(logPath, "utf8")}`,
          );
        await systemClock.sleep(100);
      }
    },
    log: () => readFile(logPath, "utf8"),
    copy: async (other) => {
      await rm(other, { recursive: true, force: true });
      const isContent = (path: string): boolean => !path.endsWith(".sock");
      await cp(stateFolder, join(other, "state"), { recursive: true, filter: isContent });
      return inFolder(other, record, options);
    },
    elsewhere: async (other) => {
      await rm(other, { recursive: true, force: true });
      return inFolder(other, record, options);
    },
  };
}

/** How a process ended; `null`: by a signal. */
export async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

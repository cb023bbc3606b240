import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, createWalletClient, http, parseEther, type PublicClient } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { resolveContracts, type Contracts } from "../../../abi/bootstrap.js";
import { workerRegistryAbi } from "../../../abi/worker-registry.js";
import { registration } from "../../../components/chain/registration-provider.js";
import { openHost, type Host } from "../../../components/host/host.js";
import { ask } from "../../../components/service/status.js";
import { service } from "../../../components/service/service-provider.js";
import type { WorkerReference } from "../../../components/worker-reference.js";
import { startDevnet, type Devnet } from "../../../devnet/network.js";
import { openFileStore } from "../../../keystore/file-store.js";
import { passphraseFrom } from "../../../keystore/passphrase.js";
import type { SecretStore, WorkerRecord } from "../../../keystore/store.js";
import { generateWorkerRecord } from "../../../keystore/worker-keys.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import type { SidecarStatus } from "../../../schema/control.js";
import { systemClock } from "../../../system/clock.js";
import { compiled } from "../../../system/package-root.js";
import { isAlive, runProcess } from "../../../system/process.js";
import { tool } from "../toolchain.js";

export const model = "tiny-poet:1b";
export const refundTo = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/** A place that a worker's stack names as its host: a folder on this machine. */
export interface Place {
  readonly root: string;
  readonly host: Host;
  readonly worker: WorkerReference;
  /** What the service's and the registration's resources do, called as the engine would call them. */
  createService(): Promise<unknown>;
  updateService(from?: Place): Promise<unknown>;
  /** The same from the state that an update left that did not get through. */
  continueService(state: unknown): Promise<unknown>;
  destroyService(): Promise<void>;
  /** Whether an `up` of the same program would change the service. */
  wouldChangeService(): Promise<boolean>;
  destroyRegistration(): Promise<void>;
  status(): Promise<SidecarStatus>;
  /** Processes of the worker's sidecar here. */
  sidecars(): Promise<number[]>;
  /** As a machine that loses its power: nothing of this host runs any more, and nothing was told. */
  killAll(): Promise<void>;
}

/** A rehearsal network, a store with one worker's record, and any number of places. No model server: nothing here answers a job. */
export interface Ground {
  readonly devnet: Devnet;
  readonly store: SecretStore;
  readonly client: PublicClient;
  record(): Promise<WorkerRecord>;
  place(folder: string): Promise<Place>;
  /** Another place, whose folder is a copy of this one's as it is now. */
  copyOf(place: Place, folder: string): Promise<Place>;
  /** Registers the worker with its own key, under the next generation, as its sidecar would have. */
  register(): Promise<void>;
  isRegistered(): Promise<boolean>;
  refunded(): Promise<bigint>;
  stop(): Promise<void>;
}

export async function openGround(): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), "lf-hold-"));
  const devnet = await startDevnet({ dir: join(folder, "devnet"), tools: { geth: await tool("geth") } });
  const passphrase = join(folder, "passphrase");
  await writeFile(passphrase, "correct horse", { mode: 0o600 });
  process.env["LIGHTCHAIN_PASSPHRASE_FILE"] = passphrase;
  const store = openFileStore(join(folder, "keys"), passphraseFrom(process.env), systemClock);
  const { network } = devnet;
  const transport = http(network.endpoints.rpc);
  const client = createPublicClient({ transport, pollingInterval: 50, cacheTime: 0 });
  const contracts = await resolveContracts(client, network);
  const fresh = generateWorkerRecord({
    chainId: network.chainId,
    workerRegistry: network.contracts.workerRegistry,
    name: "home",
    refundTo,
  });
  const ref = `worker/${network.chainId}/home` as const;
  await store.create(ref, fresh);
  const record = async (): Promise<WorkerRecord> => (await store.read(ref, "worker")).record;
  const places: Place[] = [];

  const placeAt = async (root: string, fill: (host: Host) => Promise<unknown>): Promise<Place> => {
    const reference = { kind: "local", name: "home-host", root } as const;
    const host = openHost(reference);
    await fill(host);
    const worker: WorkerReference = {
      name: "home",
      network,
      keys: { store: store.url, ref },
      address: fresh.address,
      refundTo,
      host: reference,
    };
    const bundle = JSON.parse(await readFile(compiled("bundle/manifest.json"), "utf8")) as { hash: string };
    const tuning = { services: { lifecycleProbeMs: 500 } };
    const serviceInputs = { worker, bundle: bundle.hash, models: [model], ollamaUrl: "http://127.0.0.1:9", tuning };
    const serviceState = { ...serviceInputs, epoch: 1, holder: "home-host", retiring: [] };
    const registrationState = {
      worker,
      serving: {
        ...{ generation: 1, models: [model], stake: { kind: "minimum", max: "1" }, gasReserve: "1", leaving: false },
      },
      exit: { maxWaitMs: 60_000 },
      ...{ standing: "live", transaction: "", stake: "0" },
    };
    const pidsIn = async (): Promise<number[]> => {
      const { stdout } = await runProcess("sh", [
        "-c",
        `grep -alF -- "$0" /proc/[0-9]*/cmdline 2>/dev/null; true`,
        root,
      ]);
      const pids = stdout.split("\n").map((line) => Number(/\/proc\/(\d+)\//.exec(line)?.[1] ?? 0));
      return pids.filter((pid) => pid !== 0 && pid !== process.pid && isAlive(pid));
    };
    const isSidecar = async (pid: number): Promise<boolean> =>
      (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).includes("sidecar.js");
    const place: Place = {
      ...{ root, host, worker },
      createService: () => service.create(serviceInputs),
      updateService: (from) => service.update("", { ...serviceState, worker: from?.worker ?? worker }, serviceInputs),
      continueService: (state) => service.update("", state, serviceInputs),
      destroyService: () => service.delete("", serviceState),
      wouldChangeService: async () => {
        const { epoch } = (await store.read(ref, "worker")).record;
        return (await service.diff("", { ...serviceState, epoch }, serviceInputs)).changes === true;
      },
      destroyRegistration: () => registration.delete("", registrationState),
      status: () => ask(host, "home", { op: "status" }),
      sidecars: async () => {
        const found = await Promise.all((await pidsIn()).map(async (pid) => ((await isSidecar(pid)) ? [pid] : [])));
        return found.flat();
      },
      killAll: async () => {
        // The supervisor first: it would start what dies.
        const pids = await pidsIn();
        const sidecars = await place.sidecars();
        for (const pid of [...pids.filter((pid) => !sidecars.includes(pid)), ...sidecars]) killIfThere(pid);
        while ((await pidsIn()).length > 0) await systemClock.sleep(20);
      },
    };
    places.push(place);
    return place;
  };

  return {
    ...{ devnet, store, client, record },
    place: (name) => placeAt(join(folder, name), (host) => host.put(compiled("bundle"))),
    copyOf: (place, name) =>
      placeAt(join(folder, name), () =>
        cp(place.root, join(folder, name), { recursive: true, filter: (path) => !path.endsWith(".sock") }),
      ),
    register: async () => {
      const generation = (await record()).generation + 1;
      const { version, record: before } = await store.read(ref, "worker");
      await store.update(ref, version, { ...before, generation, leaving: false, registeredAt: null });
      await fundAndRegister(devnet, client, contracts, before);
    },
    isRegistered: () =>
      client.readContract({
        address: contracts.workerRegistry,
        abi: workerRegistryAbi,
        functionName: "isWorkerRegistered",
        args: [fresh.address],
      }),
    refunded: () => client.getBalance({ address: refundTo }),
    stop: async () => {
      for (const place of places) await place.killAll();
      await devnet.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself
  }
}

async function fundAndRegister(
  { network, accounts }: Devnet,
  client: PublicClient,
  contracts: Contracts,
  record: WorkerRecord,
): Promise<void> {
  const transport = http(network.endpoints.rpc);
  const treasury = createWalletClient({ account: privateKeyToAccount(accounts.treasury.privateKey), transport });
  const mined = (hash: `0x${string}`) => client.waitForTransactionReceipt({ hash });
  await mined(await treasury.sendTransaction({ to: record.address, value: parseEther("5010"), chain: null }));
  const account = privateKeyToAccount(`0x${Buffer.from(record.signingKey).toString("hex")}`);
  const worker = createWalletClient({ account, transport });
  const registry = { address: contracts.workerRegistry, abi: workerRegistryAbi, chain: null } as const;
  await mined(
    await worker.writeContract({
      ...registry,
      functionName: "registerWorker",
      args: [record.encryptionPublicKey],
      value: parseEther("5000"),
    }),
  );
  await mined(await worker.writeContract({ ...registry, functionName: "addSupportedModel", args: [modelIdOf(model)] }));
}

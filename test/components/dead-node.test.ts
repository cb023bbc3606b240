import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { implementations, type Implementations } from "../../components/providers.js";
import type { WorkerReference } from "../../components/worker-reference.js";
import { networks } from "../../abi/networks.js";
import { openStore } from "../../keystore/open-store.js";
import { passphraseFrom } from "../../keystore/passphrase.js";
import type { RecordRef, SecretStore } from "../../keystore/store.js";
import { freePort } from "../../system/net.js";
import { systemClock } from "../../system/clock.js";
import { livedWorker, refundTo } from "../keystore/fixtures.js";

/* What each resource's delete does when nobody answers at the network's rpc. */

const ref: RecordRef = "worker/8200/home";
const record = { ...livedWorker(), leaving: false };
let folder: string;
let store: SecretStore;
let worker: WorkerReference;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lf-dead-node-"));
  const url = `file:${join(folder, "keys")}`;
  store = openStore(url, { passphrase: passphraseFrom({ LIGHTCHAIN_PASSPHRASE: "p" }), clock: systemClock });
  await store.create(ref, record);
  const rpc = `http://127.0.0.1:${await freePort()}`;
  worker = {
    name: "home",
    network: { ...networks.testnet, endpoints: { ...networks.testnet.endpoints, rpc } },
    keys: { store: url, ref },
    address: record.address,
    refundTo,
    host: { kind: "local", name: "home-host", root: join(folder, "host") },
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => void vi.stubEnv("LIGHTCHAIN_PASSPHRASE", "p"));
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const hash = `0x${"ab".repeat(32)}`;
const stateOf = (kind: keyof Implementations): Record<string, unknown> => {
  const { name, network, host, keys } = worker;
  const stake = { kind: "minimum", max: "1" };
  switch (kind) {
    case "keys":
      return { name, network, store: keys.store, refundTo, address: worker.address, encryptionPublicKey: "0x04", ref };
    case "host":
      return {
        ...host,
        ...{ ollama: "/usr/bin/ollama", ollamaPort: 11_500, contextLength: 0, bundle: "/b", wantedBundle: hash },
        ...{ reference: host, bundleHash: hash, ollamaUrl: "http://127.0.0.1:11500" },
        facts: {
          ...{
            host: host.name,
            sealKey: "ab".repeat(32),
            os: "linux",
            arch: "x64",
            node: "v24",
            services: "supervisor",
          },
          ...{ cpus: 1, memoryBytes: 1, freeDiskBytes: 1, gpus: [] },
        },
      };
    case "dockerHost":
      return {
        ...{
          kind: "docker",
          name: "home-host",
          root: "/var/lib/lightchain-fleet",
          engine: { socket: "/nowhere/docker.sock" },
        },
        ...{
          container: "gone",
          volume: "gone",
          ollamaContainer: "gone",
          containers: "1 2",
          ollama: "http://ollama:11434",
          bundle: "/b",
        },
        ...{ wantedBundle: hash, reference: host, bundleHash: hash, ollamaUrl: "http://ollama:11434", facts: null },
      };
    case "placement":
      return {
        ...{ region: "eu-central-1", worker: "home", host: "home-host", machine: { types: ["g6.xlarge"] } },
        ...{ models: [], contextTokens: 0, tags: {} },
        ...{ type: "g6.xlarge", zone: "eu-central-1a", ami: "ami-01234567", reservation: "", token: "ab" },
      };
    case "journalDisk":
      return {
        ssm: { region: "eu-central-1", instance: "i-01234567", bucket: "bundles" },
        ...{ volume: "vol-01234567", at: "/var/lib/lightchain-fleet/workers", tags: {} },
      };
    case "remnants":
      return { region: "eu-central-1", name: "eu-central-1", tags: {} };
    case "model":
      return {
        ...{ host, worker: name, model: "llama3-8b", source: "llama3:8b", insecure: false, digest: "" },
        ...{ heldDigest: "", sample: "", tokensPerSecond: 1, sizeBytes: 1 },
      };
    case "service":
      return {
        ...{ worker, bundle: hash, models: ["llama3-8b"], ollamaUrl: "http://127.0.0.1:11500", tuning: {} },
        ...{ epoch: 3, holder: "home-host", retiring: [] },
      };
    case "funding":
      return {
        ...{
          worker,
          treasury: { store: keys.store, ref: "treasury/8200/main" },
          stake,
          gasReserve: "1",
          generation: 2,
        },
        ...{ caps: { perAction: "1", lifetime: "1" }, sent: "0", transactions: [] },
      };
    case "registration":
      return {
        worker,
        serving: { generation: 2, models: ["llama3-8b"], stake, gasReserve: "1", leaving: false },
        exit: { maxWaitMs: 1_000 },
        ...{ standing: "live", transaction: "", stake: "0" },
      };
  }
};
const deleted = (kind: keyof Implementations): Promise<void> => implementations[kind].delete("id", stateOf(kind));
const recordNow = async () => (await store.read(ref, "worker")).record;

describe("without a word of the operator's", () => {
  test.each(["registration", "funding", "keys"] as const)("a %s is not given up", async (kind) => {
    await expect(deleted(kind)).rejects.toThrow(/^LF1512: .*LIGHTCHAIN_SKIP_DEREGISTER=1 pulumi destroy/);
    expect(await recordNow()).toEqual(record);
  });

  test("a service whose sidecar says nothing is not given up either: only the chain could say that the worker has left", async () => {
    await expect(deleted("service")).rejects.toThrow(/^LF1512: /);
    expect(await recordNow()).toEqual(record);
  });

  test.each(["model", "host"] as const)("a %s asks no chain, only its machine", (kind) => deleted(kind));
});

describe("with LIGHTCHAIN_SKIP_DEREGISTER=1", () => {
  test.each(["registration", "funding", "service", "model", "host"] as const)("a %s is given up", async (kind) => {
    vi.stubEnv("LIGHTCHAIN_SKIP_DEREGISTER", "1");
    await deleted(kind);
    expect(await recordNow()).toEqual(record);
  });

  test("the keys are given up last, kept unarchived, and the way back is said", async () => {
    vi.stubEnv("LIGHTCHAIN_SKIP_DEREGISTER", "1");
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    await deleted("keys");
    expect(said.mock.calls.join("")).toContain(
      `npx fleet recover --store ${worker.keys.store} --ref ${ref} --network testnet`,
    );
    expect(await recordNow()).toEqual(record);
  });
});

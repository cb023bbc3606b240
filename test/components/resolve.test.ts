import { parseEther } from "viem";
import { describe, expect, test } from "vitest";
import { networks } from "../../abi/networks.js";
import { newRecoveryKey } from "../../keystore/recovery-key.js";
import type { PinnedOllama } from "../../schema/host.js";
import { BadWorkerArgument, resolveWorker, type LightchainWorkerArgs } from "../../components/worker/resolve.js";

const refundTo = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const args: LightchainWorkerArgs = {
  network: networks.testnet,
  host: { root: "/h", ollama: "/usr/bin/ollama", ollamaPort: 11500 },
  models: ["llama3-8b"],
  store: "file:/keys",
  treasury: { store: "file:/keys", ref: "treasury/8200/main" },
  refundTo,
};

const misspelt = { ...networks.testnet, endpoints: { ...networks.testnet.endpoints, beacn: "http://127.0.0.1:1" } };

describe("a worker's arguments", () => {
  test("are filled in with every default", () => {
    const worker = resolveWorker("home", args);
    expect(worker.generation).toBe(1);
    expect(worker.leaving).toBe(false);
    expect(worker.stake).toEqual({ kind: "minimum", max: parseEther("50000") });
    expect(worker.gasReserve).toBe(parseEther("50"));
    expect(worker.caps).toEqual({ perAction: parseEther("50050"), lifetime: parseEther("100600") });
    expect(worker.exitMaxWaitMs).toBe(900_000);
    expect(worker.models).toEqual([{ name: "llama3-8b", source: "llama3-8b", insecure: false }]);
  });

  test("bound what may leave the treasury by a fixed stake where there is one", () => {
    expect(resolveWorker("home", { ...args, stake: "6000" }).caps.perAction).toBe(parseEther("6050"));
  });

  test("bound it as they say, also where YAML made numbers of them", () => {
    const caps = { perAction: "5100.5", perDay: 5200, lifetime: "6000" } as LightchainWorkerArgs["caps"] & object;
    expect(resolveWorker("home", { ...args, caps }).caps).toEqual({
      perAction: parseEther("5100.5"),
      perDay: parseEther("5200"),
      lifetime: parseEther("6000"),
    });
  });

  test("name a recovery key in one spelling, whichever it was given in", () => {
    const { publicKey } = newRecoveryKey();
    const text = Buffer.from(publicKey).toString("hex");
    for (const recoveryKey of [text, text.toUpperCase(), `0x${text}`])
      expect(resolveWorker("home", { ...args, recoveryKey }).recoveryKey).toBe(`0x${text}`);
    expect(resolveWorker("home", args)).not.toHaveProperty("recoveryKey");
  });

  test.each<[situation: string, change: Partial<LightchainWorkerArgs>, named: RegExp]>([
    ["no refundTo", { refundTo: "" }, /refundTo is missing/],
    ["a refundTo with a wrong checksum", { refundTo: refundTo.replace("f39F", "F39f") }, /refundTo .*address/],
    ["no model", { models: [] }, /names no model/],
    ["a model twice", { models: ["a", "a"] }, /twice/],
    ["a store that is none", { store: "/keys" }, /store/],
    ["an amount with a unit", { gasReserve: "50 LCAI" }, /gasReserve .*amount/],
    ["a negative amount", { stake: "-1" }, /stake/],
    ["a number whose digits may be lost", { gasReserve: 0.1 as unknown as string }, /gasReserve \(0\.1\)/],
    ["a misspelt cap, which would bound nothing", { caps: { perWeek: "1" } as object }, /caps .*perWeek/],
    ["a cap that is no amount", { caps: { perDay: "all" } }, /caps\.perDay .*amount/],
    ["a recovery key that is cut off", { recoveryKey: "ab".repeat(31) }, /recoveryKey .*64 hex/],
    ["a recovery key to which anybody could open", { recoveryKey: "00".repeat(32) }, /recoveryKey .*anybody/],
    ["generation zero", { generation: 0 }, /generation/],
    ["a GPU that is neither", { host: { ...args.host, gpu: "maybe" as "none" } }, /host\.gpu/],
    ["no GPU by name", { host: { ...args.host, gpus: [] } }, /host\.gpus .*leave it out/],
    ["a GPU that is none", { host: { ...args.host, gpus: ["NVIDIA L4"] } }, /host\.gpus .*nvidia-smi -L/],
    ["a GPU twice", { host: { ...args.host, gpus: ["0", "0"] } }, /host\.gpus .*twice/],
    [
      "GPUs by index and by UUID",
      { host: { ...args.host, gpus: ["0", "GPU-5ebe9f43-7bd8-4d6c-a8a2-5b3d7f2a1c90"] } },
      /host\.gpus .*not both/,
    ],
    ["GPUs for the CPU", { host: { ...args.host, gpu: "none", gpus: ["0"] } }, /host\.gpus .*gpu: "none"/],
    [
      "an Ollama without a checksum",
      { host: { ...args.host, ollama: { version: "0.14.2" } as PinnedOllama } },
      /host\.ollama/,
    ],
    ["a checksum that is cut off", { host: { ...args.host, ollama: { version: "0.14.2", sha256: "ab" } } }, /64 hex/],
    ["a misspelt field of a network", { network: misspelt }, /network .*beacn/],
    ["a setting that there is none of", { tuning: { jobs: { maxJobs: 3 } as object } }, /tuning .*maxJobs/],
    ["a setting with a wrong value", { tuning: { chain: { pollMs: -1 } } }, /tuning/],
    [
      "a misspelt setting of CloudWatch",
      { tuning: { cloudwatch: { region: "eu-central-1", group: "a" } } as object },
      /tuning .*group/,
    ],
  ])("are refused in one coded line: %s", (_, change, named) => {
    const attempt = (): unknown => resolveWorker("home", { ...args, ...change });
    expect(attempt).toThrow(BadWorkerArgument);
    expect(attempt).toThrow(named);
    expect(attempt).toThrow(/^LF1550: [^\n]+$/);
  });

  test("are refused for a name that could not name a record", () => {
    expect(() => resolveWorker("../x", args)).toThrow(/LF1550/);
  });
});

describe("a host that is reached by SSH", () => {
  const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHTR0wkU+i9ewPJSughDMRsHDTgekoa9GRJb0LCGeh9t";
  const ssh = { address: "10.0.0.7", user: "me", hostKey };
  const on = (change: object) =>
    resolveWorker("home", { ...args, host: { ssh: { ...ssh, ...change }, ollama: "/o", ollamaPort: 1 } });

  test("is filled in with every default, and its key brought into one spelling", () =>
    expect(on({ hostKey: `10.0.0.7 ${hostKey} comment` }).host).toEqual({
      ...{ ollama: "/o", ollamaPort: 1, root: "/var/lib/lightchain-fleet" },
      connection: {
        server: { ...ssh, port: 22 },
        bastion: null,
        identity: { agent: "$SSH_AUTH_SOCK" },
        sudo: "none",
        bootMs: 300_000,
      },
    }));

  test.each([
    ["no key", { hostKey: "" }, /host\.ssh \(server\.hostKey\) is "ssh-ed25519 AAAA…".*"learn"/],
    ["a fingerprint in the key's place", { hostKey: "SHA256:abc" }, /server\.hostKey/],
    ["a setting that there is none of", { password: "hunter2" }, /password/],
    ["a password", { sudo: { password: "hunter2" } }, /\(sudo\) is "none"/],
    ["a private key", { identity: { privateKey: "hunter2" } }, /\(identity\) is \{ agent/],
    ["a port that is none", { port: 70_000 }, /server\.port/],
    ["a bastion without a key", { bastion: { address: "a", user: "b" } }, /bastion\.hostKey/],
  ])("is refused in one coded line: %s", (_, change, named) => {
    expect(() => on(change)).toThrow(named);
    expect(() => on(change)).toThrow(/^LF1550: [^\n]+$/);
    expect(() => on(change)).not.toThrow(/hunter2/); // what was meant to stay secret is not said
  });
});

test("a host in containers is left to its own resource to check, and is no machine with a folder", () => {
  const docker = { ollamaImage: "ollama/ollama:1", gpu: "none", ollamaMemoryMiB: 4_096 } as const;
  expect(resolveWorker("home", { ...args, host: { docker } }).host).toEqual({ docker });
});

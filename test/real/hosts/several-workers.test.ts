import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import type { HostReply, HostRequest } from "../../../components/host/host.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { userName } from "../../../host/services/system-users.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { hostErrorSchema, hostVerbs, wantsSchema, type HostVerb, type RuntimeSection } from "../../../schema/host.js";
import { toJson } from "../../../schema/json.js";
import { addressSchema } from "../../../schema/network.js";
import { settingsSchema } from "../../../schema/settings.js";
import type { Hash } from "../../../schema/units.js";
import { freePort } from "../../../system/net.js";
import { makeFakeBundle } from "../host/fake-bundle.js";
import { address, sayingSidecar, type Start } from "../host/systemd-world.js";
import { until } from "../host/world.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";
import { tool } from "../toolchain.js";

const whyNot = noMachines();
const second = addressSchema.parse("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
const [first, other] = ["GPU-5ebe9f43-7bd8-4d6c-a8a2-5b3d7f2a1c90", "GPU-0d1c7a55-24d6-4f0e-9a51-6f1b2c3d4e5f"];
const driver = `#!/bin/sh
case "$1" in *driver_version*) echo 570.86.15;; *) printf '0, ${first}, NVIDIA L4, 23034\\n1, ${other}, Tesla T4, 15360\\n';; esac
`;

describe.skipIf(whyNot !== undefined)(`several workers on one computer${because(whyNot)}`, () => {
  let folder: string;
  let machine: Machine;
  let hash: Hash;

  /** A folder on the computer that is a host. */
  const hostIn = (root: string) => {
    const call = async <V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>> => {
      const place = `${root}/bundles/${hash}`;
      const ended = await machine.run(
        [`${place}/node`, `${place}/host.js`, verb],
        toJson({ root, host: "here", ...request }),
      );
      const answer = JSON.parse(ended.stdout) as unknown;
      const refused = hostErrorSchema.safeParse(answer);
      if (refused.success) throw new Error(`${refused.data.error.code}: ${refused.data.error.summary}`);
      return hostVerbs[verb].reply.parse(answer) as never;
    };
    const starts = async (worker: string): Promise<Start[]> => {
      const text = (await machine.run(["cat", `${root}/workers/${worker}/state/starts`])).stdout;
      return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Start]));
    };
    return {
      root,
      call,
      prepare: async () => {
        await machine.must(["sh", "-c", 'umask 077; mkdir -p "$1"', "sh", `${root}/bundles`]);
        await mustDocker("cp", join(folder, "bundle"), `${machine.name}:${root}/bundles/${hash}`);
      },
      runtime: (owner: string, port: number, gpus: string[]) =>
        call("reconcile", { worker: owner, section: "runtime", desired: { ...runtime, port, gpus } }),
      noRuntime: (owner: string) => call("reconcile", { worker: owner, section: "runtime", desired: null }),
      seal: async (worker: string, of = address, secret = randomBytes(64)) => {
        const { sealKey } = await call("facts", {});
        const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch: 1, address: of } as const;
        await call("seal", { worker, address: of, epoch: 1, sealed: sealForHost(to, secret) });
        return createHash("sha256").update(secret).digest("hex");
      },
      serve: (worker: string, of = address) =>
        call("reconcile", {
          worker,
          section: "service",
          desired: {
            ...{ kind: "service", bundle: hash },
            settings: settingsSchema.parse({
              ...{ worker, host: "here", address: of, network: networks.testnet, models: ["llama3-8b"] },
              stateFolder: `${root}/workers/${worker}/state`,
              inference: { ollamaUrl: "http://127.0.0.1:1" },
            }),
          },
        }),
      end: (worker: string) => call("reconcile", { worker, section: "service", desired: null }),
      started: async (worker: string, count: number): Promise<Start> => {
        await until(async () => (await starts(worker)).length >= count, `start ${count} of ${worker} in ${root}`);
        return (await starts(worker))[count - 1]!;
      },
      pid: (unit: string) => machine.must(["systemctl", "show", "-P", "MainPID", serviceName(root, unit)]),
    };
  };
  let runtime: Pick<RuntimeSection, "kind" | "ollama" | "gpu">;
  const environmentOf = async (pid: string | number): Promise<string[]> =>
    (await machine.must(["cat", `/proc/${pid}/environ`])).split("\0").filter((line) => line.startsWith("CUDA"));
  const ownerOf = (pid: string | number): Promise<string> => machine.must(["stat", "-c", "%U", `/proc/${pid}`]);
  /** What of ours is on the computer: units and users. */
  const left = async (): Promise<string[]> =>
    (
      await machine.must([
        "sh",
        "-c",
        "ls /etc/systemd/system | grep lightchain; grep -o '^lightchain[^:]*' /etc/passwd; true",
      ])
    )
      .split("\n")
      .filter((line) => line !== "");

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fl-"));
    hash = await readBundleHash(await makeFakeBundle(join(folder, "bundle"), sayingSidecar));
    machine = await startMachine({ network: "host" });
    const install = (file: string) => ["sh", "-c", 'cat > "$1" && chmod 755 "$1"', "sh", file];
    await machine.must(install("/usr/local/bin/ollama"), await readFile(await tool("ollama")));
    await machine.must(install("/usr/local/bin/nvidia-smi"), driver);
    runtime = { kind: "runtime", ollama: "/usr/local/bin/ollama", gpu: "none" };
  });
  afterAll(async () => {
    await machine?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  describe("each in a host's folder of its own", () => {
    const [a, b] = [hostIn("/var/lib/fleet"), hostIn("/var/lib/fleet-2")]; // one's name begins with the other's
    const ports: number[] = [];
    const gpus = async (host: typeof a): Promise<string[]> => environmentOf(await host.pid("ollama"));
    beforeAll(async () => {
      for (const host of [a, b]) await host.prepare();
      ports.push(await freePort(), await freePort());
    });

    test("is held against the GPUs that it names, and refused one that the driver does not name", async () => {
      const look = async (ids: string[], gb: number): Promise<Record<string, string>> => {
        const model = { name: "m", diskBytes: 1e9, memoryBytes: gb * 1e9 };
        const wants = wantsSchema.parse({ ollamaPort: ports[0], gpu: "required", gpus: ids, models: [model] });
        const { lines } = await a.call("preflight", { wants });
        return Object.fromEntries(lines.map(({ check, verdict, found }) => [check, `${verdict} ${found}`]));
      };
      expect(await look([other], 6)).toMatchObject({
        "GPU and driver": "pass Tesla T4, driver 570.86.15",
        "GPU memory": "pass 15.0 GiB",
      });
      expect((await look(["1"], 20))["GPU memory"]).toMatch(/^fail 15\.0 GiB, but m takes/);
      expect((await look([], 30))["GPU memory"]).toMatch(/^pass 37\.5 GiB/);
      expect((await look(["2"], 6))["GPU and driver"]).toMatch(/^fail no GPU 2; there is 0 \(GPU-5ebe/);
    });

    test("has an Ollama of its own that sees its GPU alone, and a user for each service, though both are made at once", async () => {
      await Promise.all([a.runtime("here", ports[0]!, ["0"]), b.runtime("here", ports[1]!, [other])]);
      expect(await gpus(a)).toEqual(["CUDA_DEVICE_ORDER=PCI_BUS_ID", "CUDA_VISIBLE_DEVICES=0"]);
      expect(await gpus(b)).toEqual(["CUDA_DEVICE_ORDER=PCI_BUS_ID", `CUDA_VISIBLE_DEVICES=${other}`]);
      const secrets = await Promise.all([a.seal("home"), b.seal("home", second)]);
      await Promise.all([a.serve("home"), b.serve("home", second)]);
      const starts = await Promise.all([a.started("home", 1), b.started("home", 1)]);
      expect(starts.map(({ secret }) => secret)).toEqual(secrets);
      const pids = [await a.pid("ollama"), await b.pid("ollama"), ...starts.map(({ pid }) => pid)];
      const users = await Promise.all(pids.slice(0, 2).map(ownerOf));
      expect(users).toEqual([userName(a.root, "ollama"), userName(b.root, "ollama")]);
      expect(new Set(pids).size).toBe(4);
      expect(starts[0].uid).not.toBe(starts[1].uid);
    });

    test("gets another GPU without anything happening to the other host", async () => {
      const before = [await b.pid("ollama"), await b.pid("worker-home"), await a.pid("worker-home")];
      expect((await a.runtime("here", ports[0]!, ["0", "1"])).changes).toEqual([
        expect.stringMatching(/^started Ollama/),
      ]);
      expect(await gpus(a)).toContain("CUDA_VISIBLE_DEVICES=0,1");
      expect((await a.runtime("here", ports[0]!, ["0", "1"])).changes).toEqual([]);
      expect([await b.pid("ollama"), await b.pid("worker-home"), await a.pid("worker-home")]).toEqual(before);
    });

    test("is back with its GPUs and its secret after a reboot", async () => {
      await machine.reboot();
      const starts = await Promise.all([a.started("home", 2), b.started("home", 2)]);
      expect(starts[0].secret).not.toBe(starts[1].secret);
      expect(await gpus(a)).toContain("CUDA_VISIBLE_DEVICES=0,1");
      expect(await gpus(b)).toContain(`CUDA_VISIBLE_DEVICES=${other}`);
    });

    test("goes without a trace, and the other one serves on", async () => {
      const serving = [await b.pid("ollama"), await b.pid("worker-home")];
      await a.end("home");
      await a.noRuntime("here");
      expect((await machine.run(["ls", a.root])).code).not.toBe(0);
      expect([await b.pid("ollama"), await b.pid("worker-home")]).toEqual(serving);
      expect((await left()).filter((name) => name.startsWith(userName(a.root, "ollama")))).toEqual([]);
      await b.end("home");
      await b.noRuntime("here");
      expect(await left()).toEqual([]);
    });
  });

  describe("in one host's folder", () => {
    const host = hostIn("/var/lib/fleet");
    let port: number;
    beforeAll(async () => {
      await host.prepare();
      port = await freePort();
      await host.runtime("a-host", port, ["0"]);
      await host.runtime("b-host", port, ["0"]);
      await host.seal("a");
      await host.seal("b", second);
      await host.serve("a");
      await host.serve("b", second);
    });

    test("share one Ollama, and have users, state and units of their own", async () => {
      const [a, b] = [await host.started("a", 1), await host.started("b", 1)];
      expect(a.uid).not.toBe(b.uid);
      expect([await ownerOf(a.pid), await ownerOf(b.pid)]).toEqual([
        userName(host.root, "worker-a"),
        userName(host.root, "worker-b"),
      ]);
      expect((await machine.must(["pgrep", "-c", "-f", "ollama serve"])).trim()).toBe("1");
      const owners = ["a", "b"].map((name) =>
        machine.must(["stat", "-c", "%U %a", `${host.root}/workers/${name}/state`]),
      );
      expect(await Promise.all(owners)).toEqual(
        ["worker-a", "worker-b"].map((unit) => `${userName(host.root, unit)} 700`),
      );
    });

    test("cannot want different GPUs for the Ollama that they share", async () => {
      const pid = await host.pid("ollama");
      await expect(host.runtime("b-host", port, ["1"])).rejects.toThrow(/LF1333: "b-host" and "a-host"/);
      expect(await host.pid("ollama")).toBe(pid);
    });

    test("keep their names to themselves: another worker of the same name is refused, and nothing of the first one changes", async () => {
      const before = await host.pid("worker-a");
      await expect(host.seal("a", second)).rejects.toThrow(/LF1345: On this host "a" is worker 0xf39F/);
      await host.serve("a");
      expect(await host.pid("worker-a")).toBe(before);
    });

    test("end one by one: what they share goes with the last", async () => {
      const [ollama, b] = [await host.pid("ollama"), await host.pid("worker-b")];
      await host.end("a");
      await host.noRuntime("a-host");
      expect([await host.pid("ollama"), await host.pid("worker-b")]).toEqual([ollama, b]);
      expect(await machine.must(["ls", `${host.root}/workers`])).toBe("b");
      await host.end("b");
      await host.noRuntime("b-host");
      expect(await left()).toEqual([]);
      expect((await machine.run(["ls", host.root])).code).not.toBe(0);
    });
  });
});

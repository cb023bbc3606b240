import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import type { HostReply, HostRequest } from "../../../components/host/host.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { hostVerbs, type HostVerb } from "../../../schema/host.js";
import { toJson } from "../../../schema/json.js";
import { settingsSchema } from "../../../schema/settings.js";
import { makeFakeBundle } from "../host/fake-bundle.js";
import { address, sayingSidecar, type Start } from "../host/systemd-world.js";
import { until } from "../host/world.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";

const whyNot = noMachines();
const root = "/var/lib/lightchain";
const unit = serviceName(root, "worker-home");

describe.skipIf(whyNot !== undefined)(`a worker on a computer of its own${because(whyNot)}`, () => {
  let folder: string;
  let machine: Machine;
  let place: string;
  const secret = randomBytes(64);
  const key = needleOf("the key", secret);

  async function call<V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>> {
    const ended = await machine.run(
      [join(place, "node"), join(place, "host.js"), verb],
      toJson({ root, host: "here", ...request }),
    );
    return hostVerbs[verb].reply.parse(JSON.parse(ended.stdout)) as never;
  }
  const shell = (script: string, ...args: readonly string[]) => machine.must(["/bin/sh", "-c", script, "sh", ...args]);
  const starts = async (): Promise<Start[]> => {
    const text = (await machine.run(["cat", `${root}/workers/home/state/starts`])).stdout;
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Start]));
  };
  const started = (count: number) => until(async () => (await starts()).length >= count, `${count} starts`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fl-"));
    const bundle = await makeFakeBundle(join(folder, "bundle"), sayingSidecar);
    const hash = await readBundleHash(bundle);
    place = `${root}/bundles/${hash}`;
    machine = await startMachine({ network: "host" });
    await shell(`umask 077; mkdir -p "$1"`, `${root}/bundles`);
    await mustDocker("cp", bundle, `${machine.name}:${place}`);

    const { sealKey, secrets } = await call("facts", {});
    expect(secrets).toBe("credential");
    const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch: 1, address } as const;
    await call("seal", { worker: "home", address, epoch: 1, sealed: sealForHost(to, secret) });
    const settings = settingsSchema.parse({
      worker: "home",
      host: "here",
      address,
      network: networks.testnet,
      models: ["llama3-8b"],
      stateFolder: `${root}/workers/home/state`,
      inference: { ollamaUrl: "http://127.0.0.1:1" },
    });
    const desired = { kind: "service", bundle: hash, settings } as const;
    await call("reconcile", { worker: "home", section: "service", desired });
    await started(1);
  });
  afterAll(async () => {
    await machine.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("comes back by itself with its secret and its user after a reboot, and after a power cut", async () => {
    await machine.reboot();
    await started(2);
    await machine.powerCycle();
    await started(3);
    const [first, ...later] = await starts();
    for (const one of later) expect([one.secret, one.uid]).toEqual([first!.secret, first!.uid]);
    expect(first!.secret).toBe(createHash("sha256").update(secret).digest("hex"));
    expect(await machine.must(["systemctl", "show", "-P", "Result", unit])).toBe("success");
  });

  test("is within its limits of memory and tasks as the kernel counts them", async () => {
    const [memory, tasks] = await Promise.all(
      ["MemoryMax", "TasksMax"].map((name) => machine.must(["systemctl", "show", "-P", name, unit])),
    );
    expect([memory, tasks]).toEqual([String(2 * 1024 ** 3), "128"]);
    const limits = await shell(
      `for name in memory.max memory.limit_in_bytes pids.max; do find /sys/fs/cgroup -path "*$1*" -name $name -exec cat {} +; done`,
      unit,
    );
    expect(limits.split("\n").sort()).toEqual(["128", String(2 * 1024 ** 3)]);
  });

  test("has its key in no line of the machine's journal, where one would be found", async () => {
    const journal = async () =>
      Buffer.from(await machine.must(["journalctl", "--all", "--output=export", "--no-pager"]));
    expect((await journal()).includes(unit)).toBe(true);
    expect(findSecrets(await journal(), [key])).toEqual([]);
    await machine.must(["systemd-cat", "-t", "planted"], `a key: ${secret.toString("hex")}\n`);
    await machine.must(["journalctl", "--sync"]);
    expect(findSecrets(await journal(), [key]).length).toBeGreaterThan(0);
  });

  test("leaves nothing on it when it is taken away, but the secret that systemd encrypts with", async () => {
    await call("reconcile", { worker: "home", section: "service", desired: null });
    const left = await shell(
      `ls -d ${root} /etc/systemd/system/*lightchain* /etc/systemd/system/*/*lightchain* /run/systemd/*/*lightchain* /run/credentials/*lightchain* 2>/dev/null; grep lightchain /etc/passwd /etc/group /etc/shadow; true`,
    );
    expect(left).toBe("");
    expect(await shell("ls /var/lib/systemd")).toContain("credential.secret");
  });
});

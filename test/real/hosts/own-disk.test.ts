import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { networks } from "../../../abi/networks.js";
import { readBundleHash } from "../../../components/host/bundle.js";
import type { HostReply, HostRequest } from "../../../components/host/host.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { sealForHost } from "../../../keystore/sealing.js";
import { hostErrorSchema, hostVerbs, wantsSchema, type HostVerb } from "../../../schema/host.js";
import { toJson } from "../../../schema/json.js";
import { settingsSchema } from "../../../schema/settings.js";
import { freePort } from "../../../system/net.js";
import { makeFakeBundle } from "../host/fake-bundle.js";
import { address, sayingSidecar } from "../host/systemd-world.js";
import { until } from "../host/world.js";
import { because, mustDocker } from "../machines/docker-engine.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";

const whyNot = noMachines();
const root = "/var/lib/fleet";
const disk = "var-lib-fleet-workers.mount";
const unit = serviceName(root, "worker-home");
/** A disk that comes late, and without which the machine boots all the same, as one in the cloud: what is in it lies in /srv/disk. */
const units = `
cat > /etc/systemd/system/slow-disk.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sleep 4
UNIT
cat > /etc/systemd/system/${disk} <<'UNIT'
[Unit]
DefaultDependencies=no
Requires=slow-disk.service
After=slow-disk.service
[Mount]
What=/srv/disk
Where=${root}/workers
Options=bind
[Install]
WantedBy=multi-user.target
UNIT
umask 077
mkdir -p /srv/disk ${root}/bundles ${root}/workers
systemctl daemon-reload && systemctl enable --now ${disk}
`;

describe.skipIf(whyNot !== undefined)(`a worker whose journal is on a disk of its own${because(whyNot)}`, () => {
  let folder: string;
  let machine: Machine;
  let place: string;

  async function call<V extends HostVerb>(verb: V, request: HostRequest<V>): Promise<HostReply<V>> {
    const program = [`${place}/node`, `${place}/host.js`, verb];
    const answer = JSON.parse(
      (await machine.run(program, toJson({ root, host: "here", ...request }))).stdout,
    ) as unknown;
    const refused = hostErrorSchema.safeParse(answer);
    if (refused.success) throw new Error(`${refused.data.error.code}: ${refused.data.error.summary}`);
    return hostVerbs[verb].reply.parse(answer) as never;
  }
  const seal = async (epoch: number): Promise<void> => {
    const { sealKey } = await call("facts", {});
    const to = { hostPublicKey: Buffer.from(sealKey, "hex"), host: "here", epoch, address } as const;
    await call("seal", { worker: "home", address, epoch, sealed: sealForHost(to, randomBytes(64)) });
  };
  const starts = async (): Promise<number> =>
    (await machine.run(["cat", "/srv/disk/home/state/starts"])).stdout.split("\n").length - 1;
  const started = (count: number) => until(async () => (await starts()) >= count, `${count} starts`);
  const show = (key: string, of = unit) => machine.must(["systemctl", "show", "-P", key, of]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fl-"));
    const bundle = await makeFakeBundle(join(folder, "bundle"), sayingSidecar);
    const hash = await readBundleHash(bundle);
    place = `${root}/bundles/${hash}`;
    machine = await startMachine({ network: "host" });
    await machine.must(["sh", "-ec", units]);
    await mustDocker("cp", bundle, `${machine.name}:${place}`);
    await seal(1);
    const desired = {
      kind: "service",
      bundle: hash,
      settings: settingsSchema.parse({
        ...{ worker: "home", host: "here", address, network: networks.testnet, models: ["llama3-8b"] },
        ...{ stateFolder: `${root}/workers/home/state`, inference: { ollamaUrl: "http://127.0.0.1:1" } },
      }),
    } as const;
    await call("reconcile", { worker: "home", section: "service", desired });
    await started(1);
  });
  afterAll(async () => {
    await machine?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("has it looked at before anything is staked", async () => {
    const wants = wantsSchema.parse({ ollamaPort: await freePort(), gpu: "none" });
    const { lines } = await call("preflight", { wants });
    const line = lines.find(({ check }) => check === "journals")!;
    expect(line.verdict).not.toBe("fail");
    expect(line.found).toContain(`free in ${root}/workers`);
  });

  test("starts after it at a boot, and not before", async () => {
    await machine.reboot();
    await started(2);
    expect(await show("NRestarts")).toBe("0");
    const [mounted, running] = await Promise.all([
      show("ActiveEnterTimestampMonotonic", disk),
      show("ExecMainStartTimestampMonotonic"),
    ]);
    expect(Number(running)).toBeGreaterThanOrEqual(Number(mounted));
    expect(await starts()).toBe(2);
  });

  test("does not run without it, and is given no secret and no empty journal in its place", async () => {
    await machine.must(["systemctl", "stop", disk]);
    expect(await show("ActiveState")).toBe("inactive");
    // A file in its place: where there is nothing, systemd makes an empty folder to mount.
    await machine.must(["sh", "-c", "mv /srv/disk /srv/away && touch /srv/disk"]);
    expect((await machine.run(["systemctl", "start", unit])).code).not.toBe(0);
    await expect(seal(1)).rejects.toThrow(/LF1346: Worker home serves on this host, but .*workers\/home/);
    await expect(call("revive", { worker: "home" })).rejects.toThrow(/LF1309/);
    expect(await machine.must(["ls", `${root}/workers`])).toBe("");
    await machine.must(["sh", "-c", "rm /srv/disk && mv /srv/away /srv/disk"]);
    await machine.must(["systemctl", "start", unit]); // and with it the disk
    await started(3);
    await seal(1);
    expect((await machine.must(["findmnt", "-n", "-o", "TARGET", `${root}/workers`])).trim()).toBe(`${root}/workers`);
  });

  test("leaves it mounted and empty when it is taken away", async () => {
    await call("reconcile", { worker: "home", section: "service", desired: null });
    expect(await machine.must(["ls", "-A", root])).toBe("workers");
    expect(await machine.must(["ls", "-A", "/srv/disk"])).toBe("");
    await machine.must(["mountpoint", "-q", `${root}/workers`]);
  });
});

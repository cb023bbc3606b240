import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { renderGpuWait } from "../../../host/services/gpu-unit.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import { systemClock } from "../../../system/clock.js";
import { freePort, isPortTaken } from "../../../system/net.js";
import { tool } from "../toolchain.js";
import { whyNoSystemd } from "./systemd-machine.js";
import { makeSystemdWorld, type SystemdWorld } from "./systemd-world.js";
import { until } from "./world.js";

describe.skipIf(whyNoSystemd() !== undefined)("a host under a real systemd", () => {
  let world: SystemdWorld;
  beforeAll(async () => {
    // Everything that means something in a unit file, and a home, which no service sees.
    world = await makeSystemdWorld("1% $HOME %h", undefined, homedir());
  });
  afterAll(() => world.end());
  beforeEach(() => world.renew());
  afterEach(() => world.clear());

  const exitWith = (code: number) =>
    world.machine.run("/bin/sh", ["-c", `echo ${code} > "$1"`, "sh", join(world.state(), "exit")]);
  const kill = async () => world.machine.run("kill", ["-9", String((await world.starts())[0]!.pid)]);

  test("gives the sidecar its secret, folder and environment, whatever the host's path holds, and the secret is in no unit", async () => {
    const secret = randomBytes(64);
    expect((await world.seal(secret)).services).toBe("systemd");
    const report = await world.service();
    expect(report.service).toMatchObject({ state: "running" });
    const [first] = await world.started(1);
    expect(first!.secret).toBe(createHash("sha256").update(secret).digest("hex"));
    expect(first!.cwd).toBe(world.folder());
    expect(first!.env["HOME"]).toBe(world.folder());
    expect(await readFile(join(world.folder(), "sidecar.log"), "utf8")).toContain("a line for the log");
    const text = await world.machine.systemctl("cat", world.unit());
    expect(findSecrets(Buffer.from(text), [needleOf("the secret", secret)])).toEqual([]);
    expect(await world.show("After")).toContain(serviceName(world.root, "ollama"));
    expect(await world.show("UnitFileState")).toBe("enabled");
  });

  test("changes nothing when nothing changed, and restarts the sidecar gently when its settings did", async () => {
    await world.seal(randomBytes(64));
    expect((await world.service()).changes).toEqual(["started worker home"]);
    await world.started(1);
    expect((await world.service()).changes).toEqual([]);
    expect(await world.starts()).toHaveLength(1);
    expect((await world.service("home", { logLevel: "debug" })).changes).toEqual(["started worker home"]);
    expect(existsSync(join(world.state(), "asked"))).toBe(true);
    await world.started(2);
  });

  test("starts a killed sidecar again", async () => {
    await world.seal(randomBytes(64));
    await world.service();
    await world.started(1);
    await kill();
    await world.started(2);
    await until(async () => (await world.show("ActiveState")) === "active", "an active unit");
  });

  test("leaves a misconfigured sidecar down, says so, and starts it when it is asked for again", async () => {
    await world.seal(randomBytes(64));
    await world.service();
    await world.started(1);
    await exitWith(78);
    await kill();
    await until(async () => (await world.show("ActiveState")) === "failed", "a failed unit");
    await rm(join(world.state(), "control.sock"));
    await expect(world.call("control", { worker: "home", request: { op: "status" } })).rejects.toThrow(
      /LF1320: .*exit code 78/,
    );
    expect(await world.call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: true });
    await rm(join(world.state(), "exit"));
    expect((await world.service()).service).toMatchObject({ state: "running" });
    expect(await world.call("proofOfDeath", { worker: "home" })).toMatchObject({ dead: false });
  });

  test("starts one again that asks to be tried again", async () => {
    await world.seal(randomBytes(64));
    await world.service();
    await world.started(1);
    await exitWith(75);
    await kill();
    await world.started(3);
    await rm(join(world.state(), "exit"));
    await until(async () => (await world.show("ActiveState")) === "active", "an active unit");
  });

  test("never gives up on a sidecar that crashes at once, however often", async () => {
    await world.seal(randomBytes(64));
    await world.service();
    await world.started(1);
    await exitWith(1);
    await kill();
    await world.started(8); // systemd's own limit is five in ten seconds
    expect((await world.service()).changes).toEqual(["started worker home"]); // at once, whatever it waited for
    await rm(join(world.state(), "exit"));
    await until(async () => (await world.show("ActiveState")) === "active", "an active unit");
  });

  test("has Ollama wait for the driver of an NVIDIA card, a minute at most, and start without it then", async () => {
    const { machine, root } = world;
    const card = "/sys/bus/pci/devices/0000:01:00.0";
    await machine.run("/bin/sh", [
      "-c",
      `mount -t tmpfs tmpfs /sys/bus/pci/devices && mkdir "$1" && echo 0x10de > "$1/vendor" && echo 0x030000 > "$1/class"`,
      "sh",
      card,
    ]);
    try {
      const desired = { kind: "runtime", ollama: await tool("ollama"), port: await freePort() } as const;
      const begun = Date.now();
      await world.call("reconcile", { worker: "here", section: "runtime", desired });
      expect(Date.now() - begun).toBeGreaterThan(60_000);
      const service = serviceName(root, "ollama");
      const show = async (key: string) => machine.systemctl("show", "-P", key, service);
      expect(await show("ActiveState")).toBe("active\n");
      for (const key of ["After", "Wants"]) expect(await show(key)).toContain(serviceName(root, "gpu"));
      expect(await show("DevicePolicy")).toBe("closed\n");
    } finally {
      await machine.run("umount", ["/sys/bus/pci/devices"]);
    }
  });

  test("goes on as soon as the driver is there", async () => {
    const { machine } = world;
    const unit = renderGpuWait().replaceAll("/dev/nvidia", "/run/nvidia");
    await machine.run("tee", ["/etc/systemd/system/gpu-wait.service"], unit);
    expect(
      (await machine.run("systemd-analyze", ["verify", "/etc/systemd/system/gpu-wait.service"])).stderr,
    ).not.toContain("gpu-wait");
    await machine.systemctl("daemon-reload");
    await machine.systemctl("start", "--no-block", "gpu-wait.service");
    const state = async () => (await machine.systemctl("show", "-P", "ActiveState", "gpu-wait.service")).trim();
    await until(async () => (await state()) === "activating", "its wait");
    await machine.run("mknod", ["/run/nvidia0", "c", "195", "0"]);
    await systemClock.sleep(1_500);
    expect(await state()).toBe("activating"); // CUDA's memory is not there yet
    await machine.run("mknod", ["/run/nvidia-uvm", "c", "511", "0"]);
    await until(async () => (await state()) === "inactive", "its end");
  });

  test("runs Ollama, and leaves nothing at all once its document is empty", async () => {
    const { machine, root } = world;
    const users = async () => (await machine.run("grep", ["-c", "^lightchain-", "/etc/passwd"])).stdout.trim();
    const port = await freePort();
    const ollama = await tool("ollama");
    const runtime = (desired: { kind: "runtime"; ollama: string; port: number } | null) =>
      world.call("reconcile", { worker: "here", section: "runtime", desired });
    const first = await runtime({ kind: "runtime", ollama, port });
    expect(first.changes).toEqual([`started Ollama ${first.runtime!.version}`]);
    expect((await runtime({ kind: "runtime", ollama, port })).changes).toEqual([]);
    await world.seal(randomBytes(64));
    await world.service();
    expect(await users()).toBe("2");
    await world.removeService();
    expect(await users()).toBe("1");
    expect((await runtime(null)).changes).toEqual(["stopped Ollama"]);
    expect(await isPortTaken(port)).toBe(false);
    expect(existsSync(root)).toBe(false);
    expect(await users()).toBe("0");
    expect(await machine.systemctl("list-units", "--all", "--plain", "--no-legend", "lightchain-*")).toBe("");
    expect((await machine.run("find", ["/etc/systemd/system", "/run/systemd", "-name", "lightchain-*"])).stdout).toBe(
      "",
    );
  });
});

import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { userName } from "../../../host/services/system-users.js";
import { serviceName } from "../../../host/services/systemd-manager.js";
import { isAlive } from "../../../system/process.js";
import { whyNoSystemd } from "./systemd-machine.js";
import { makeSystemdWorld, type SystemdWorld } from "./systemd-world.js";
import { until } from "./world.js";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe.skipIf(whyNoSystemd() !== undefined)("a sidecar under a real systemd", () => {
  let world: SystemdWorld;
  beforeAll(async () => {
    world = await makeSystemdWorld("host");
  });
  afterAll(() => world.end());
  beforeEach(() => world.renew());
  afterEach(() => world.clear());

  const inside = (file: string, ...args: readonly string[]) => world.machine.run(file, args);
  const shell = (script: string, ...args: readonly string[]) => inside("/bin/sh", "-c", script, "sh", ...args);
  const serve = async (worker?: string) => {
    const secret = randomBytes(64);
    const facts = await world.seal(secret, worker);
    await world.service(worker);
    const [start] = await world.started(1, worker);
    return { secret, start: start!, facts };
  };

  test("runs as a user of its own, gets its secret as a credential, and has no parent but systemd", async () => {
    const { secret, start, facts } = await serve();
    expect(facts.secrets).toBe("credential");
    expect(start.secret).toBe(sha256(secret));
    expect(start.from).toBe(`file:/run/credentials/${world.unit()}/secret`);
    expect(start.uid).toBeGreaterThan(0);
    const entry = (await inside("getent", "passwd", String(start.uid))).stdout.trim().split(":");
    expect(entry[0]).toBe(userName(world.root, "worker-home"));
    expect(entry.slice(5)).toEqual(["/nonexistent", "/usr/sbin/nologin"]);
    expect(await world.show("MainPID")).toBe(String(start.pid));
    expect((await inside("pgrep", "-f", "supervisor.js")).stdout).toBe("");
    const sealed = JSON.parse(await readFile(join(world.folder(), "sealed.json"), "utf8")) as { sealed: string };
    expect(sealed.sealed).toBe("");
  });

  test("writes only its state and its cache, and of the host's folder sees only what it is given", async () => {
    await serve();
    const { root } = world;
    const write = (path: string) => `fs.writeFileSync(${JSON.stringify(path)}, "x")`;
    const read = (path: string) => `fs.readFileSync(${JSON.stringify(path)}).length`;
    const tried = await world.tries({
      state: write(join(world.state(), "own")),
      cache: write(join(world.folder(), "cache/own")),
      folder: `fs.readdirSync(${JSON.stringify(root)}).sort().join()`,
      worker: `fs.readdirSync(${JSON.stringify(world.folder())}).sort().join()`,
      key: read(join(root, "host-key")),
      document: read(join(root, "document.json")),
      credential: read(join(world.folder(), "secret.cred")),
      writeRoot: write(join(root, "x")),
      writeBundle: write(join(root, "bundles", world.bundle, "sidecar.js")),
      writeSettings: write(join(world.folder(), "settings.json")),
      writeSystem: write("/usr/x"),
      writeHome: write("/root/x"),
      tmp: `fs.readdirSync("/tmp").length`,
      processes: `fs.readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).join() === String(process.pid)`,
      devices: `fs.existsSync("/dev/mem") || fs.existsSync("/dev/kmsg") || fs.existsSync("/dev/loop0")`,
      privileges: `/NoNewPrivs:\\t1/.test(fs.readFileSync("/proc/self/status", "utf8")) && /CapBnd:\\t0+\\n/.test(fs.readFileSync("/proc/self/status", "utf8"))`,
    });
    expect(tried).toEqual({
      state: "undefined",
      cache: "undefined",
      folder: "bundles,host-key,host-key.place,workers",
      worker: "cache,settings.json,state",
      key: "EACCES",
      document: "ENOENT",
      credential: "ENOENT",
      writeRoot: "EROFS",
      writeBundle: "EROFS",
      writeSettings: "EROFS",
      writeSystem: "EROFS",
      writeHome: expect.stringMatching(/EACCES|EROFS/) as string,
      tmp: "1", // the way to the host's folder, and nothing of the machine's
      processes: "true",
      devices: "false",
      privileges: "true",
      marker: expect.any(String) as string,
    });
  });

  test("cannot come to anything of another worker on its host, nor can its user outside its sandbox", async () => {
    const [a, b] = [await serve("a"), await serve("b")];
    expect(b.start.uid).not.toBe(a.start.uid);
    const token = join(world.state("a"), "control.token");
    const credential = `/run/credentials/${world.unit("a")}/secret`;
    expect((await inside("cat", token)).stdout).toBe("token");
    expect((await inside("test", "-s", credential)).code).toBe(0);
    const read = (path: string) => `fs.readFileSync(${JSON.stringify(path)}).length`;
    const tried = await world.tries(
      { own: read(join(world.state("b"), "control.token")), token: read(token), credential: read(credential) },
      "b",
    );
    expect(tried).toMatchObject({ own: "5", token: "ENOENT" });
    expect(tried.credential).toMatch(/EACCES|ENOENT/);
    const { uid } = b.start;
    for (const path of [token, join(world.state("b"), "control.token"), credential]) {
      const as = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups", "cat", path];
      const outside = await inside("setpriv", ...as);
      expect([outside.stdout, outside.stderr]).toEqual(["", expect.stringContaining("Permission denied")]);
    }
  });

  test("is exposed no more than 2.0 by systemd's own measure, and its unit has no setting that systemd does not know", async () => {
    await serve();
    const exposure = async (file: string): Promise<number> => {
      const { stdout } = await inside("systemd-analyze", "security", "--offline=true", "--no-pager", file);
      return Number(/Overall exposure level for .*: ([0-9.]+)/.exec(stdout)?.[1] ?? Number.NaN);
    };
    const file = `/etc/systemd/system/${world.unit()}`;
    expect(await exposure(file)).toBeLessThanOrEqual(2);
    await shell(`grep -vE '^(Protect|Private|Restrict|Capability|SystemCall)' "$1" > /run/systemd/open.service`, file);
    expect(await exposure("/run/systemd/open.service")).toBeGreaterThan(5);
    const watch = `/etc/systemd/system/${serviceName(world.root, "watch-worker-home")}`;
    expect(await exposure(watch)).toBeLessThanOrEqual(2);
    const verified = await inside("systemd-analyze", "verify", file, watch, watch.replace(/service$/, "timer"));
    const complaints = verified.stderr.split("\n").filter((line) => line.includes("lightchain-"));
    expect(complaints.filter((line) => !/RestartSteps|RestartMaxDelaySec/.test(line))).toEqual([]); // systemd 254
  });

  test("finishes the job that runs before it is replaced, and never runs beside its successor", async () => {
    const { start } = await serve();
    await shell(`echo 3000 > "$1"`, join(world.state(), "job"));
    const begun = Date.now();
    expect((await world.service("home", { logLevel: "debug" })).changes).toEqual(["started worker home"]);
    expect(Date.now() - begun).toBeGreaterThan(3_000);
    const [, second] = await world.started(2);
    const events = (await readFile(join(world.state(), "events"), "utf8")).trim().split("\n");
    expect(events).toEqual([`start ${start.pid}`, `job done ${start.pid}`, `start ${second!.pid}`]);
    expect(await world.show("TimeoutStopUSec")).toBe("4min 30s"); // the longest job, and half a minute
  });

  describe("whose watchdog looks every second", () => {
    const watchFast = async (within = 1) => {
      const watch = `/etc/systemd/system/${serviceName(world.root, "watch-worker-home")}`;
      const timer = watch.replace(/service$/, "timer");
      await shell(
        `sed -i 's/"--within" "60"/"--within" "'"$3"'"/' "$1" && sed -i 's/^OnActiveSec=.*/OnActiveSec=1/; s/^OnUnitInactiveSec=.*/OnUnitInactiveSec=1/' "$2" && systemctl daemon-reload && systemctl restart "$(basename "$2")"`,
        watch,
        timer,
        String(within),
      );
    };
    const looks = async (): Promise<number> =>
      Number(
        (
          await inside(
            "systemctl",
            "show",
            "-P",
            "ExecMainStartTimestampMonotonic",
            serviceName(world.root, "watch-worker-home"),
          )
        ).stdout,
      );

    test("is killed and started again when it does not answer", async () => {
      const { start } = await serve();
      await watchFast();
      await until(async () => (await looks()) > 0, "a look");
      const first = await looks();
      await until(async () => (await looks()) > first, "another look");
      expect(await world.starts()).toHaveLength(1); // it answers
      await shell(`touch "$1"`, join(world.state(), "mute"));
      await world.started(2);
      await rm(join(world.state(), "mute"));
      expect(isAlive(start.pid)).toBe(false);
      await until(async () => (await world.show("ActiveState")) === "active", "an active unit");
    });

    test("is left alone while it finishes its jobs, however silent it is, also by a look that began before", async () => {
      const { start } = await serve();
      await watchFast(3);
      await shell(`echo 8000 > "$1"; touch "$2"`, join(world.state(), "job"), join(world.state(), "mute"));
      const look = serviceName(world.root, "watch-worker-home");
      await inside("systemctl", "start", "--no-block", look);
      await until(async () => (await looks()) > 0, "a look");
      const stopped = inside("systemctl", "stop", world.unit());
      await until(
        async () => (await inside("systemctl", "show", "-P", "ExecMainStatus", look)).stdout === "70\n",
        "silence",
      );
      expect(await world.show("ActiveState")).toBe("deactivating");
      await stopped;
      expect(await readFile(join(world.state(), "events"), "utf8")).toContain(`job done ${start.pid}`);
    });
  });

  describe("whose secret is a credential", () => {
    test("is not started where this machine cannot decrypt it any more, which is said, and sealing it anew mends", async () => {
      const { secret } = await serve();
      await inside("systemctl", "stop", world.unit());
      await rm(join(world.folder(), "secret.cred"));
      await expect(world.service()).rejects.toThrow(/LF1342: .*its file is missing/);
      await world.seal(secret);
      await world.service();
      await world.started(2);

      await inside("systemctl", "stop", world.unit());
      await shell("rm -f /var/lib/systemd/credential.secret");
      await expect(world.service()).rejects.toThrow(/LF1342: .*cannot decrypt it/);
      await world.seal(secret);
      await world.service();
      expect((await world.started(3))[2]!.secret).toBe(sha256(secret));
    });

    test("is not started in a copied folder, and its log says why", async () => {
      await serve();
      const key = join(world.root, "host-key");
      await shell(`cp -p "$1" "$1.copy" && mv "$1.copy" "$1"`, key);
      await inside("systemctl", "restart", world.unit());
      expect(await world.show("ActiveState")).toBe("inactive");
      expect(await world.starts()).toHaveLength(1);
      const log = (await readFile(join(world.folder(), "sidecar.log"), "utf8")).trim().split("\n").at(-1);
      expect(log).toMatch(/"LF1313".*is a copy of a key that was made at/);
      await rm(`${key}.place`); // so that the test can clear away
    });

    test("is not started for a host that has another key by now, whoever starts it", async () => {
      await serve();
      await inside("systemctl", "stop", world.unit());
      for (const end of ["", ".place"]) await rm(join(world.root, `host-key${end}`));
      await world.call("facts", {});
      await inside("systemctl", "start", world.unit());
      expect(await world.show("ActiveState")).toBe("inactive");
      expect(await readFile(join(world.folder(), "sidecar.log"), "utf8")).toContain("LF1344");
      await expect(world.service()).rejects.toThrow(/LF1342: .*another key/);
    });

    test("goes over to the next epoch, and back to no former one", async () => {
      await serve();
      const next = randomBytes(64);
      await world.seal(next, "home", 2);
      await world.service();
      expect((await world.started(2))[1]!.secret).toBe(sha256(next));
      await expect(world.seal(randomBytes(64))).rejects.toThrow(/LF1310/);
    });

    test("loses it for good when its former host gives it up: no start, no revival, nothing left of it anywhere", async () => {
      await serve();
      await inside("systemctl", "stop", world.unit());
      const death = await world.call("proofOfDeath", { worker: "home", retire: true });
      expect(death).toMatchObject({ dead: true });
      expect((await readdir(world.folder())).sort()).toEqual(["cache", "settings.json", "sidecar.log", "state"]);
      expect((await inside("ls", "/run/credentials")).stdout).not.toContain("worker-home");
      expect((await inside("systemctl", "start", world.unit())).code).not.toBe(0);
      await expect(world.call("revive", { worker: "home" })).rejects.toThrow(/LF1309/);
    });
  });

  test("under a systemd that encrypts nothing gets its secret from a parent process, as its own user and sandboxed all the same", async () => {
    await shell("mount --bind /bin/false /usr/bin/systemd-creds");
    try {
      const { secret, start, facts } = await serve();
      expect(facts.secrets).toBe("sealed");
      expect(start.secret).toBe(sha256(secret));
      expect(start.from).toBe("fd:3");
      expect(start.uid).toBeGreaterThan(0);
      expect(start.groups).not.toContain(0);
      expect(existsSync(join(world.folder(), "secret.cred"))).toBe(false);
      const read = (path: string) => `fs.readFileSync(${JSON.stringify(path)}).length`;
      const tried = await world.tries({
        key: read(join(world.root, "host-key")),
        sealed: read(join(world.folder(), "sealed.json")),
        document: read(join(world.root, "document.json")),
        privileges: `/CapEff:\\t0+\\n/.test(fs.readFileSync("/proc/self/status", "utf8"))`,
      });
      expect(tried).toMatchObject({ key: "EACCES", sealed: "EACCES", document: "ENOENT", privileges: "true" });
      await shell(`echo 1500 > "$1"`, join(world.state(), "job"));
      await world.service("home", { logLevel: "debug" });
      await world.started(2);
      expect(await readFile(join(world.state(), "events"), "utf8")).toContain(`job done ${start.pid}\nstart`);
    } finally {
      await shell("umount /usr/bin/systemd-creds");
    }
    expect((await world.service("home", { logLevel: "debug" })).changes).toEqual(["started worker home"]); // brought up to the better rung
    expect((await world.started(3))[2]!.from).toMatch(/^file:/);
    expect((JSON.parse(await readFile(join(world.folder(), "sealed.json"), "utf8")) as { sealed: string }).sealed).toBe(
      "",
    );
  });

  test("under a systemd whose credentials reach no service, as in some containers, gets its secret from a parent process too", async () => {
    await shell("mount --make-rprivate /");
    try {
      const { start, facts } = await serve();
      expect([facts.secrets, start.from]).toEqual(["sealed", "fd:3"]);
    } finally {
      await shell("mount --make-rshared /");
    }
  });

  test("is not given a user that somebody else made, and takes no such user away", async () => {
    const name = userName(world.root, "worker-home");
    await inside("useradd", "--system", "--comment", "somebody else", name);
    try {
      await world.seal(randomBytes(64));
      await expect(world.service()).rejects.toThrow(/LF1341/);
      await world.removeService();
      expect((await inside("id", name)).code).toBe(0);
    } finally {
      await inside("userdel", name);
    }
  });
});

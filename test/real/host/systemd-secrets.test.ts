import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findSecrets, needleOf } from "../../../keystore/secret-scan.js";
import { whyNoSystemd } from "./systemd-machine.js";
import { makeSystemdWorld, type SystemdWorld } from "./systemd-world.js";
import { until } from "./world.js";

/** Cores become files in the process's folder: only then can a test see that they would be found. */
const coresAreFiles = !/^\||\//.test(readFileSync("/proc/sys/kernel/core_pattern", "utf8"));

describe.skipIf(whyNoSystemd() !== undefined)("a worker's key on a host under systemd", () => {
  let world: SystemdWorld;
  beforeAll(async () => {
    world = await makeSystemdWorld("host");
  });
  afterAll(() => world.end());
  beforeEach(() => world.renew());
  afterEach(() => world.clear());

  const shell = (script: string, ...args: readonly string[]) =>
    world.machine.run("/bin/sh", ["-c", script, "sh", ...args]);

  /** Where a key could have got to: how that is collected, and how a key could be put there. `$1` is the host's folder, `$2` a key in hex. */
  const places = {
    "a unit file": {
      collect: "cat /etc/systemd/system/lightchain-*",
      plant: `echo "# $2" >> /etc/systemd/system/lightchain-planted.service`,
    },
    "systemd's own view of its units": {
      collect: "systemctl show 'lightchain-*'",
      plant: `systemd-run --quiet --unit=lightchain-planted -p Type=exec -p Environment=KEY=$2 sleep 60`,
    },
    "a process's environment": {
      collect: "cat /proc/[0-9]*/environ",
      plant: `KEY=$2 sleep 60 > /dev/null 2>&1 &`,
    },
    "a process's command line": {
      collect: "cat /proc/[0-9]*/cmdline",
      plant: `sh -c 'sleep 60; true' $2 > /dev/null 2>&1 &`,
    },
    "the host's folder, logs and settings included": {
      collect: `find "$1" -type f ! -name node -exec cat {} +`,
      plant: `echo $2 >> "$1/workers/home/sidecar.log"`,
    },
    "what the machine keeps elsewhere": {
      collect:
        "find /etc /run /var/lib/systemd /dev/shm /tmp/systemd-private-* /var/tmp/systemd-private-* -xdev -type f -size -8M ! -path '/run/credentials/*' -newer /run/booted -exec cat {} + 2>/dev/null",
      plant: `echo $2 > /dev/shm/planted`,
    },
  };
  type Place = keyof typeof places;

  async function scan(place: Place, key: Uint8Array) {
    const file = join(world.root, "..", "collected");
    await shell(`{ ${places[place].collect}; } > "$2"`, world.root, file); // raw
    const content = await readFile(file);
    await rm(file);
    return findSecrets(content, [needleOf("the key", key)]);
  }

  test("is in none of the places where it could be read, and in each of them one would be found", async () => {
    await shell("touch -d '1 hour ago' /run/booted");
    const key = randomBytes(32);
    await world.seal(key);
    await world.service();
    await world.started(1);
    for (const place of Object.keys(places) as Place[]) expect([place, await scan(place, key)]).toEqual([place, []]);

    const planted = randomBytes(32);
    const found: [string, boolean][] = [];
    for (const place of Object.keys(places) as Place[]) {
      expect(await scan(place, planted)).toEqual([]);
      await shell(places[place].plant, world.root, planted.toString("hex"));
      found.push([place, (await scan(place, planted)).length > 0]);
      await shell(
        "pkill sleep; systemctl stop lightchain-planted; rm -f /dev/shm/planted /etc/systemd/system/lightchain-planted.service",
      );
      await shell(`sed -i "/$2/d" "$1/workers/home/sidecar.log"`, world.root, planted.toString("hex"));
    }
    expect(found).toEqual(Object.keys(places).map((place) => [place, true]));
  });

  test("is where systemd gives it to its sidecar, in memory that is never swapped, and there no longer than that runs", async () => {
    const key = randomBytes(32);
    await world.seal(key);
    await world.service();
    await world.started(1);
    const folder = `/run/credentials/${world.unit()}`;
    expect((await shell(`stat -f -c %T "$1"`, folder)).stdout.trim()).toBe("ramfs");
    expect((await shell(`stat -c %a "$1/secret"`, folder)).stdout.trim()).toBe("400");
    await world.machine.systemctl("stop", world.unit());
    expect((await shell(`ls "$1"`, folder)).code).not.toBe(0);
  });

  describe("in the memory of a sidecar that is killed by a fault", () => {
    const cores = async (): Promise<string[]> =>
      (
        await shell(
          `find "$1" / /var/lib/systemd/coredump /var/crash -maxdepth 4 -xdev -name 'core*' -type f -newer "$1/document.json" 2>/dev/null`,
          world.root,
        )
      ).stdout
        .split("\n")
        .filter((path) => /\/core(\.\d+)?$/.test(path));
    const crash = async (signal: string, count: number) => {
      const { pid } = (await world.starts()).at(-1)!;
      const inner = (await world.show("MainPID")).trim();
      expect(String(pid)).toBe(inner);
      await world.machine.run("kill", [`-${signal}`, inner]);
      await world.started(count);
    };

    test.each(["SEGV", "ABRT"])("is left in no core (%s)", async (signal) => {
      await world.seal(randomBytes(32));
      await world.service();
      await world.started(1);
      await crash(signal, 2);
      expect(await cores()).toEqual([]);
      const limits = await world.tries({
        limit: `/^Max core file size +0 +0 /m.test(fs.readFileSync("/proc/self/limits", "utf8"))`,
        content: `fs.readFileSync("/proc/self/coredump_filter", "utf8").trim()`,
      });
      expect(limits).toMatchObject({ limit: "true", content: "00000000" });
    });

    test.skipIf(!coresAreFiles)("would be found in a core, were there one", async () => {
      const key = randomBytes(32);
      await world.seal(key);
      await world.service();
      await world.started(1);
      const dropIn = `/etc/systemd/system/${world.unit()}.d`;
      await shell(
        `mkdir -p "$1" && printf '[Service]\\nLimitCORE=infinity\\nCoredumpFilter=private-anonymous\\nWorkingDirectory=%s\\n' "$2" > "$1/cores.conf" && systemctl daemon-reload && systemctl restart "$3"`,
        dropIn,
        world.state(),
        world.unit(),
      );
      try {
        await world.started(2);
        await crash("SEGV", 3);
        await until(async () => (await cores()).length > 0, "a core");
        const content = await readFile((await cores())[0]!);
        expect(findSecrets(content, [needleOf("the key", key)]).length).toBeGreaterThan(0);
      } finally {
        await shell(`rm -rf "$1"; systemctl daemon-reload`, dropIn);
      }
    });
  });
});

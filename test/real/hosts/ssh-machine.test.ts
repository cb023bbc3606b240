import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstContact, openHost, type Host } from "../../../components/host/host.js";
import { connectionTo } from "../../../components/host/ssh/connection.js";
import type { SshWay, StatedWay, Sudo } from "../../../components/host/ssh/reference.js";
import { freePort } from "../../../system/net.js";
import { compiled } from "../../../system/package-root.js";
import { until } from "../host/world.js";
import { because } from "../machines/docker-engine.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";
import { users } from "../machines/ssh-access.js";
import { tool } from "../toolchain.js";

const whyNot = noMachines();
const root = "/var/lib/lightchain-fleet";

describe.skipIf(whyNot !== undefined)(`a computer with systemd that is reached by SSH${because(whyNot)}`, () => {
  let machine: Machine;
  let folder: string;
  let passwordFile: string;
  beforeAll(async () => {
    machine = await startMachine({ network: "host" });
    folder = await mkdtemp(join(tmpdir(), "lf-machine-"));
    passwordFile = join(folder, "password");
    await writeFile(passwordFile, `${machine.sudoPassword}\nwhat comes after it\n`, { mode: 0o600 });
    await machine.must(
      ["sh", "-c", "cat > /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama"],
      await readFile(await tool("ollama")),
    );
  });
  afterAll(async () => {
    await machine?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const wayOf = (user: string, sudo: Sudo): SshWay => {
    const { address, port, hostKey, keyFile } = machine.ssh;
    return { server: { address, port, user, hostKey }, bastion: null, identity: { keyFile }, sudo };
  };
  const stated = (user: string, sudo: Sudo): StatedWay => ({ ...wayOf(user, sudo), bootMs: 60_000 });
  const contact = async (user: string, sudo: Sudo): Promise<Host> =>
    openHost(await firstContact({ kind: "ssh", name: "there", root, connection: stated(user, sudo) }, undefined));
  const whoami = (user: string, sudo: Sudo, input = "") =>
    connectionTo(wayOf(user, sudo)).run({ words: ["sh", "-c", "id -un; cat"], input });

  describe("makes us root", () => {
    test("without a password, and gives the program its input", async () => {
      const ended = await whoami(users.operator, "passwordless", '{"a":1}');
      expect(ended).toEqual({ code: 0, stdout: 'root\n{"a":1}', stderr: "" });
    });

    test("with a password, which no program is given, and which no argument or environment there holds", async () => {
      const sudo = { passwordFile };
      expect(await whoami(users.careful, sudo, '{"a":1}')).toEqual({ code: 0, stdout: 'root\n{"a":1}', stderr: "" });
      const running = connectionTo(wayOf(users.careful, sudo)).run({ words: ["sleep", "4"] });
      await until(async () => (await machine.run(["pgrep", "-x", "sleep"])).code === 0, "the program's start");
      const everything =
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; journalctl; cat /var/log/* 2>/dev/null";
      const seen = (await machine.run(["sh", "-c", everything])).stdout;
      expect(seen).toContain("sleep\0" + "4");
      expect(seen).not.toContain(machine.sudoPassword);
      await running;
    });

    test("with a password that it does not ask for: then nobody is told it", async () => {
      const sudo = { passwordFile };
      expect((await whoami(users.operator, sudo, "input")).stdout).toBe("root\ninput");
    });

    test.each<[situation: string, user: string, sudo: () => Promise<Sudo>, said: RegExp]>([
      ["to whom it gives nothing", users.guest, async () => "passwordless", /LF1533: guest@.* asks for a password/],
      [
        "of whom it wants a password that is not there",
        users.careful,
        async () => "passwordless",
        /LF1533: .*asks for a password/,
      ],
      [
        "with a wrong password, which is tried once",
        users.careful,
        async () => {
          const path = join(folder, "wrong");
          await writeFile(path, "wrong\n", { mode: 0o600 });
          return { passwordFile: path };
        },
        /LF1533: .*the password is wrong/,
      ],
      [
        "with a password that others can read",
        users.careful,
        async () => {
          const path = join(folder, "open");
          await writeFile(path, "open\n", { mode: 0o644 });
          return { passwordFile: path };
        },
        /LF1536: .*can be read by others/,
      ],
      ["who has a password and may not use it", users.guest, async () => ({ passwordFile }), /LF1533: guest@/],
    ])("but not one %s", async (_, user, sudo, said) => {
      const how = await sudo();
      await expect(contact(user, how)).rejects.toThrow(said);
    });
  });

  describe("becomes a host", () => {
    test("for whoever may not be root there only where he may write, and is told so", async () => {
      const host = await contact(users.guest, "none");
      expect(await host.present()).toBe(false);
      await expect(host.put(compiled("bundle"))).rejects.toThrow(/LF1535: .*Permission denied.* or set sudo/);
    });

    test("runs the real host program as root, with Ollama under systemd, and leaves nothing in the end", async () => {
      const host = await contact(users.careful, { passwordFile });
      await host.put(compiled("bundle"));
      expect(await host.call("facts", {})).toMatchObject({ host: "there", services: "systemd" });
      const port = await freePort();
      const url = `http://127.0.0.1:${port}/api/version`;
      expect(await host.answers(url)).toBe(false);
      const runtime = (desired: { kind: "runtime"; ollama: string; port: number } | null) =>
        host.call("reconcile", { worker: "there", section: "runtime", desired });
      const wanted = { kind: "runtime", ollama: "/usr/local/bin/ollama", port } as const;
      expect((await runtime(wanted)).changes).toHaveLength(1);
      expect((await runtime(wanted)).changes).toEqual([]);
      expect(await host.answers(url)).toBe(true);
      expect(await host.present()).toBe(true);

      const other = await contact(users.guest, "none");
      await expect(other.present()).rejects.toThrow(/LF1538: guest@.* may not look into/);

      await machine.reboot(); // everything is there again afterwards, and the kept connection is not
      await until(() => host.answers(url), "Ollama's start after a boot");

      await runtime(null);
      expect(await host.present()).toBe(false);
      expect((await machine.run(["ls", root])).code).not.toBe(0);
      expect((await machine.run(["sh", "-c", "ls -A /home/careful | grep lightchain"])).stdout).toBe("");
      expect((await machine.run(["sh", "-c", "ls /etc/systemd/system | grep lightchain"])).stdout).toBe("");
    });

    test("is waited for while it boots, even when it lets nobody but root in yet", async () => {
      const before = await machine.bootId();
      const going = machine.run(["systemctl", "reboot"]);
      await going;
      const host = await contact(users.operator, "passwordless");
      await machine.bootedAfter(before);
      expect(await host.present()).toBe(false);
    });

    test("is another one after a rebuild, and gets nothing", async () => {
      const host = await contact(users.operator, "passwordless");
      await machine.rebuild();
      await expect(host.present()).rejects.toThrow(/LF1531/);
      await expect(host.call("facts", {})).rejects.toThrow(/LF1531/);
    });
  });
});

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { firstContact, openHost, type Host, type StatedHost } from "../../../components/host/host.js";
import { connectionTo } from "../../../components/host/ssh/connection.js";
import { fingerprint } from "../../../components/host/ssh/host-key.js";
import { learn, type SshWay, type StatedWay } from "../../../components/host/ssh/reference.js";
import type { HostReference } from "../../../components/worker-reference.js";
import { freePort } from "../../../system/net.js";
import { runProcess } from "../../../system/process.js";
import { until } from "../host/world.js";
import { layCable } from "./cut.js";
import { startSshd, whyNoSshd, writeKeyPair, type Sshd } from "./sshd.js";

describe.skipIf(whyNoSshd() !== undefined)("the way to a host by SSH", () => {
  let folder: string;
  let sshd: Sshd;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-way-"));
    sshd = await startSshd();
  });
  afterAll(async () => {
    await sshd.end();
    await rm(folder, { recursive: true, force: true });
  });
  const opened: Sshd[] = [];
  const another = async (options: Parameters<typeof startSshd>[0] = {}): Promise<Sshd> => {
    const one = await startSshd({ friend: sshd, ...options });
    opened.push(one);
    return one;
  };
  afterEach(async () => {
    delete process.env["SSH_AUTH_SOCK"];
    for (const one of opened.splice(0)) await one.end();
  });

  const stated = (connection: Partial<StatedWay>): StatedHost => ({
    kind: "ssh",
    name: "there",
    root: join(folder, "root"),
    connection: { ...sshd.way, bootMs: 2_000, ...connection },
  });
  const contact = (connection: Partial<StatedWay>, known?: HostReference): Promise<HostReference> =>
    firstContact(stated(connection), known);
  const at = (server: Partial<StatedWay["server"]>) => ({ server: { ...sshd.way.server, ...server } });
  const hostOf = (reference: HostReference): Host => openHost(reference);

  describe("to a machine with another key than the pinned one", () => {
    let impostor: Sshd;
    beforeEach(async () => {
      impostor = await another({ config: ["LogLevel DEBUG2"] });
    });
    const nobodyWasNamed = async (): Promise<void> => {
      await until(async () => /isconnect.*\[preauth\]/.test(await impostor.log()), "the end of the connection");
      expect(await impostor.log()).not.toMatch(/userauth-request|Accepted|Failed/);
    };

    test("sends it nothing, not even a name, and says both keys", async () => {
      const attempt = contact(at({ port: impostor.port }));
      await expect(attempt).rejects.toThrow(`LF1531: `);
      await expect(attempt).rejects.toThrow(fingerprint(sshd.hostKey));
      await expect(attempt).rejects.toThrow(fingerprint(impostor.hostKey));
      await nobodyWasNamed();
    });

    test("holds for everything that a host is asked", async () => {
      const reference: HostReference = {
        ...{ kind: "ssh", name: "there", root: "/nowhere" },
        ...(sshd.way as SshWay),
        server: { ...(sshd.way as SshWay).server, port: impostor.port },
      };
      const host = hostOf(reference);
      await expect(host.present()).rejects.toThrow(/LF1531/);
      await expect(host.call("facts", {})).rejects.toThrow(/LF1531/);
      await expect(host.answers("http://127.0.0.1:1")).rejects.toThrow(/LF1531/);
      await nobodyWasNamed();
    });

    test("does not go through it as a bastion either", async () => {
      const bastion = { ...sshd.way.server, port: impostor.port };
      await expect(contact({ bastion })).rejects.toThrow(/LF1531/);
      await nobodyWasNamed();
    });

    test("is known by its fingerprint as ssh-keygen shows it", async () => {
      const { stdout } = await runProcess("ssh-keygen", ["-lf", join(impostor.folder, "host-key.pub")]);
      expect(stdout).toContain(` ${fingerprint(impostor.hostKey)} `);
    });

    test("is refused too when it has no key of the pinned kind at all", async () => {
      const path = join(folder, "ecdsa");
      await runProcess("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", path]);
      const [type = "", key = ""] = (await readFile(`${path}.pub`, "utf8")).split(" ");
      await expect(contact(at({ hostKey: `${type} ${key}` }))).rejects.toThrow(
        /LF1531: .*does not prove a key of kind/,
      );
    });
  });

  describe("whose key is to be learnt", () => {
    test("learns it at the first contact, and holds the host to it from then on", async () => {
      const machine = await another();
      const learning = at({ port: machine.port, hostKey: learn });
      const reference = await contact(learning);
      expect(reference).toMatchObject({ server: { hostKey: machine.hostKey } });
      expect(reference).not.toHaveProperty("bootMs");
      expect(await contact(learning, reference)).toEqual(reference);
      await machine.stop();
      await machine.rebuild();
      await machine.start();
      await expect(hostOf(reference).present()).rejects.toThrow(/LF1531/);
      await expect(contact(learning, reference)).rejects.toThrow(/LF1531/);
    });

    test("learns it through a bastion, and the bastion's own", async () => {
      const machine = await another();
      const reference = await contact({
        ...at({ port: machine.port, hostKey: learn }),
        bastion: { ...sshd.way.server, hostKey: learn },
      });
      expect(reference).toMatchObject({ server: { hostKey: machine.hostKey }, bastion: { hostKey: sshd.hostKey } });
    });

    test("takes each kind of key that OpenSSH makes", async () => {
      for (const [type, bits] of [
        ["ecdsa", "256"],
        ["ecdsa", "521"],
        ["rsa", "3072"],
      ] as const) {
        const path = join(folder, `${type}${bits}`);
        await runProcess("ssh-keygen", ["-q", "-t", type, "-b", bits, "-N", "", "-f", path]);
        const machine = await another({ config: [`HostKey ${path}`, "HostKeyAlgorithms -ssh-ed25519"] });
        const reference = await contact(at({ port: machine.port, hostKey: learn }));
        const [kind = "", key = ""] = (await readFile(`${path}.pub`, "utf8")).split(" ");
        expect(reference).toMatchObject({ server: { hostKey: `${kind} ${key}` } });
      }
    });
  });

  describe("through a bastion", () => {
    test("reaches a host by it, which sees the bastion's address and no agent of ours", async () => {
      const machine = await another();
      const reference = await contact({
        ...at({ port: machine.port, hostKey: machine.hostKey }),
        bastion: sshd.way.server,
      });
      expect(await hostOf(reference).present()).toBe(false);
      expect(await machine.log()).toContain("Accepted publickey");
    });

    test("says so when the bastion cannot reach it", async () => {
      const nobody = await freePort();
      await expect(contact({ ...at({ port: nobody }), bastion: sshd.way.server })).rejects.toThrow(
        /LF1530: .*its bastion 127\.0\.0\.1 cannot reach it/,
      );
    });
  });

  describe("by an identity", () => {
    test("lets the system's own ssh-agent sign, by its socket or by SSH_AUTH_SOCK", async () => {
      const socket = join(folder, "agent.sock");
      const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
      try {
        await until(
          async () => (await runProcess("ssh-add", ["-l"], { env: agentAt(socket) })).code !== 2,
          "the agent",
        );
        await expect(contact({ identity: { agent: socket } })).rejects.toThrow(/LF1532: .*the keys that the agent/);
        await runProcess("ssh-add", [sshd.keyFile], { env: agentAt(socket) });
        expect(await contact({ identity: { agent: socket } })).toMatchObject({ identity: { agent: socket } });
        process.env["SSH_AUTH_SOCK"] = socket;
        const reference = await contact({ identity: { agent: "$SSH_AUTH_SOCK" } });
        expect(reference).toMatchObject({ identity: { agent: "$SSH_AUTH_SOCK" } });
      } finally {
        agent.kill();
      }
    });

    test.each<[situation: string, identity: (path: string) => Promise<StatedWay["identity"]>, said: RegExp]>([
      ["an agent that is not there", async (path) => ({ agent: path }), /LF1532: .*the keys that the agent/],
      [
        "no agent at all",
        async () => ({ agent: "$SSH_AUTH_SOCK" }),
        /LF1536: SSH_AUTH_SOCK names no ssh-agent.*ssh-add/,
      ],
      ["a key that is not there", async (path) => ({ keyFile: path }), /LF1536: .* cannot be read/],
      [
        "a key that others can read",
        async (path) => {
          await writeKeyPair(path);
          await chmod(path, 0o640);
          return { keyFile: path };
        },
        /LF1536: .* can be read by others.* Next: chmod 600/,
      ],
      [
        "a key that a passphrase protects",
        async (path) => {
          await writeKeyPair(path, "a passphrase");
          return { keyFile: path };
        },
        /LF1536: .*passphrase.*ssh-add/,
      ],
      [
        "a file that is no key",
        async (path) => {
          await writeFile(path, "no key", { mode: 0o600 });
          return { keyFile: path };
        },
        /LF1536: .* holds no private key/,
      ],
      [
        "a key that the host does not know",
        async (path) => {
          await writeKeyPair(path);
          return { keyFile: path };
        },
        /LF1532: .*the key .*authorized_keys/,
      ],
    ])("refuses %s in one line", async (_, make, said) => {
      const path = join(folder, `identity-${Math.random().toString(36).slice(2)}`);
      const attempt = contact({ identity: await make(path), sudo: "passwordless" }); // a way that no test has gone
      await expect(attempt).rejects.toThrow(said);
      await expect(attempt).rejects.toThrow(/^LF15[^\n]+$/);
    });
  });

  describe("to a machine that does not answer", () => {
    test("is given up within its time, and said in one line", async () => {
      const nobody = await freePort();
      const began = performance.now();
      await expect(contact({ ...at({ port: nobody }), bootMs: 1_500 })).rejects.toThrow(
        /^LF1530: .*127\.0\.0\.1:\d+ does not answer by SSH: it refuses the connection. Next: when this works: ssh -p [^\n]+$/,
      );
      expect(performance.now() - began).toBeLessThan(6_000);
    });

    test("is not waited for when there is no machine of that name", async () => {
      const began = performance.now();
      await expect(contact({ ...at({ address: "nowhere.invalid" }), bootMs: 60_000 })).rejects.toThrow(
        /LF1530: .*(no machine of that name|EAI_AGAIN)/,
      );
      expect(performance.now() - began).toBeLessThan(62_000);
    });

    test("is waited for while it is booting", async () => {
      const machine = await another();
      await machine.stop();
      const waiting = contact({ ...at({ port: machine.port, hostKey: machine.hostKey }), bootMs: 30_000 });
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // as long as a very quick boot
      await machine.start();
      expect(await waiting).toMatchObject({ server: { port: machine.port } });
    });

    test("is not taken for one whose sudo refuses, when the connection is cut before sudo has said anything", async () => {
      const programs = await mkdtemp(join(folder, "programs-"));
      const asked = join(programs, "asked");
      await writeFile(join(programs, "sudo"), `#!/bin/sh\n: > ${asked}\nexec cat\n`, { mode: 0o755 });
      const machine = await another({ config: [`SetEnv HOME=${programs} PATH=${programs}:/usr/bin:/bin`] });
      const cable = await layCable(machine.port);
      try {
        const { server } = at({ port: cable.port, hostKey: machine.hostKey });
        const way = { ...sshd.way, server, sudo: "passwordless" } as SshWay;
        const running = connectionTo(way).run({ words: ["true"] });
        await Promise.race([until(async () => existsSync(asked), "sudo's start"), running]);
        cable.cut();
        await expect(running).rejects.toThrow(/^LF1537: .* was lost before the answer came/);
      } finally {
        await cable.close();
      }
    });

    test("is dialled again when the kept connection is dead, and nothing is run twice", async () => {
      const machine = await another();
      const reference = await contact(at({ port: machine.port, hostKey: machine.hostKey }));
      await machine.stop();
      await machine.start();
      expect(await hostOf(reference).present()).toBe(false);
    });

    test("is said to be lost when the connection ends in the middle, and the next call goes on", async () => {
      const cable = await layCable(sshd.port);
      const connection = connectionTo({
        ...(sshd.way as SshWay),
        ...(at({ port: cable.port }) as Pick<SshWay, "server">),
      });
      const running = connection.run({ words: ["sleep", "60"] });
      await connection.run({ words: ["true"] });
      cable.cut();
      await expect(running).rejects.toThrow(/LF1537: .*it goes on where it stopped/);
      cable.mend();
      expect(await connection.run({ words: ["echo", "again"] })).toMatchObject({ stdout: "again\n" });
      await cable.close();
    });
  });

  describe("once it is open", () => {
    const connection = () => connectionTo(sshd.way);

    test("passes words, input and output on as they are, whatever they hold", async () => {
      const words = ["it's", "$HOME", "`id`", "a b", "*", "", "\\", "'\"'", "!!", "~", "#", "ä€", "-n", "a;b|c&d>e"];
      const { stdout } = await connection().run({ words: ["printf", "<%s>", ...words] });
      expect(stdout).toBe(words.map((word) => `<${word}>`).join(""));
      const input = "ä€𝄞\n".repeat(300_000);
      expect((await connection().run({ words: ["cat"], input })).stdout).toBe(input);
      expect(await connection().run({ words: ["sh", "-c", "echo out; echo err >&2; exit 7"] })).toEqual({
        ...{ code: 7, stdout: "out\n", stderr: "err\n" },
      });
    });

    test("does not wait for a program that ends without having read its input", async () => {
      const ended = await connection().run({ words: ["true"], input: "x".repeat(5_000_000) });
      expect(ended.code).toBe(0);
    });

    test("is one for everybody, and has room for more programs than the server takes at once", async () => {
      const few = await another({ config: ["MaxSessions 2"] });
      const way = { ...(sshd.way as SshWay), server: { ...(few.way as SshWay).server } };
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => connectionTo(way).run({ words: ["echo", String(index)] })),
      );
      expect(answers.map(({ stdout }) => stdout)).toEqual(answers.map((_, index) => `${index}\n`));
      expect((await few.log()).match(/Accepted publickey/g)).toHaveLength(1);
    });

    test("does not wait any longer for a program than it is told to", async () => {
      const abort = new AbortController();
      const running = connection().run({ words: ["sleep", "30"], signal: abort.signal });
      await connection().run({ words: ["true"] });
      abort.abort(new Error("enough"));
      await expect(running).rejects.toThrow("enough");
    });

    test("is closed when nobody has used it for a while, so that it keeps no program from ending", async () => {
      const quiet = await another();
      await contact(at({ port: quiet.port, hostKey: quiet.hostKey }));
      await until(async () => (await quiet.log()).includes("Disconnected from user"), "the end of the connection");
    });
  });
});

const agentAt = (socket: string): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  SSH_AUTH_SOCK: socket,
});

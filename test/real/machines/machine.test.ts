import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isPortTaken } from "../../../system/net.js";
import { runProcess, type ProcessResult } from "../../../system/process.js";
import { because, mustDocker } from "./docker-engine.js";
import { noMachines, startMachine, type Machine } from "./machine.js";
import { users } from "./ssh-access.js";

const whyNot = noMachines();

/** Logs in with the system's own client, which trusts no key but the one that the machine is said to have. */
async function login(machine: Machine, user: string, command: string, input = ""): Promise<ProcessResult> {
  const { address, port, hostKey, keyFile } = machine.ssh;
  const known = join(dirname(keyFile), "known_hosts");
  await writeFile(known, `[${address}]:${port} ${hostKey}\n${address} ${hostKey}\n`);
  const strict = ["StrictHostKeyChecking=yes", `UserKnownHostsFile=${known}`, "BatchMode=yes", "ConnectTimeout=5"];
  const options = ["-F", "none", "-i", keyFile, "-p", String(port), ...strict.flatMap((one) => ["-o", one])];
  return runProcess("ssh", [...options, `${user}@${address}`, command], { input });
}

/** What is left of a machine on this computer. */
async function remainsOf(name: string): Promise<string> {
  const containers = await mustDocker("ps", "--all", "--quiet", "--filter", `name=${name}`);
  return containers + (await mustDocker("network", "ls", "--quiet", "--filter", `name=${name}`));
}

describe.skipIf(whyNot !== undefined)(`a machine on the host's network${because(whyNot)}`, () => {
  let machine: Machine;
  let server: Server;
  beforeAll(async () => {
    server = createServer((_, response) => response.end("the devnet")).listen(0, "127.0.0.1");
    await once(server, "listening");
    machine = await startMachine({ network: "host" });
  });
  afterAll(async () => {
    server.close();
    await machine?.stop();
  });

  test("runs systemd as process 1, with nothing failed", async () => {
    expect(await machine.must(["systemctl", "is-system-running"])).toBe("running");
    expect(await machine.must(["cat", "/proc/1/comm"])).toBe("systemd");
  });

  test("lets each of its users in by key, and nobody without", async () => {
    for (const user of Object.values(users))
      expect(await login(machine, user, "id -un")).toMatchObject({ code: 0, stdout: `${user}\n` });
    const { address, port } = machine.ssh;
    const keyless = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes"];
    const { stderr } = await runProcess("ssh", [
      ...[...keyless, "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityFile=/dev/null", "-p", String(port)],
      `operator@${address}`,
    ]);
    expect(stderr).toContain("Permission denied (publickey)");
  });

  test("gives root to one user freely, to one after a password, and to one not at all", async () => {
    const password = `${machine.sudoPassword}\n`;
    expect((await login(machine, "operator", "sudo -n id -un")).stdout).toBe("root\n");
    expect(await login(machine, "careful", "sudo -n id -un")).toMatchObject({ code: 1, stdout: "" });
    expect((await login(machine, "careful", "sudo -S -p '' id -un", password)).stdout).toBe("root\n");
    expect(await login(machine, "guest", "sudo -S -p '' id -un", password)).toMatchObject({ code: 1, stdout: "" });
  });

  test("has an agent with the login key", async () => {
    const env = { PATH: process.env["PATH"]!, SSH_AUTH_SOCK: machine.ssh.agentSocket };
    expect((await runProcess("ssh-add", ["-L"], { env })).stdout).toContain("lightchain-fleet test");
  });

  test("reaches what listens on this computer's loopback", async () => {
    const { port } = server.address() as AddressInfo;
    expect(await machine.must(["curl", "-sS", `http://127.0.0.1:${port}`])).toBe("the devnet");
  });

  test.each([
    ["a memory limit", ["MemoryMax=30M", "MemorySwapMax=0"], "head -c 100M /dev/zero | tail", "Killed"],
    ["a limit of tasks", ["TasksMax=4"], "for i in 1 2 3 4 5 6; do sleep 1 & done; wait", "Cannot fork"],
    ["a file system that may not be written", ["ProtectSystem=strict"], "touch /usr/a", "Read-only file system"],
    ["denied addresses", ["IPAddressDeny=any"], "curl -sS -m 2 http://127.0.0.1:$PORT", "timed out"],
    [
      "allowed addresses",
      ["IPAddressDeny=any", "IPAddressAllow=localhost"],
      "curl -sS http://127.0.0.1:$PORT",
      "devnet",
    ],
    ["a filter of system calls", ["SystemCallFilter=~@mount"], "umount /tmp", "Bad system call"],
    [
      "no capabilities",
      ["CapabilityBoundingSet=", "NoNewPrivileges=yes"],
      "mount -t tmpfs a /mnt",
      "superuser|permission",
    ],
    ["a user of its own", ["DynamicUser=yes", "StateDirectory=a"], "touch /var/lib/a/b && id -un", "^run-"],
  ])("keeps a service to %s", async (_, properties, command, said) => {
    const flags = properties.flatMap((one) => ["-p", one]);
    const script = command.replace("$PORT", String((server.address() as AddressInfo).port));
    const { stdout, stderr } = await machine.run(["systemd-run", "--wait", "--pipe", ...flags, "sh", "-c", script]);
    expect(stdout + stderr).toMatch(new RegExp(said, "m"));
  });

  test("opens an encrypted credential for the service that it was made for, and is then shown to nobody else", async () => {
    await machine.must(["systemd-creds", "encrypt", "--quiet", "--name=key", "-", "/root/key.cred"], "open sesame");
    expect(await machine.must(["cat", "/root/key.cred"])).not.toContain("sesame");
    const service = ["systemd-run", "--wait", "--pipe", "-q", "-p", "DynamicUser=yes"];
    const loading = (name: string): string[] => ["-p", `LoadCredentialEncrypted=${name}:/root/key.cred`];
    const read = ["sh", "-c", "cat $CREDENTIALS_DIRECTORY/*"];
    expect(await machine.must([...service, ...loading("key"), ...read])).toBe("open sesame");
    expect((await machine.run([...service, ...loading("other"), ...read])).stdout).not.toContain("sesame");
  });

  test("comes back from a reboot with its disk, its key and another boot id", async () => {
    const { hostKey } = machine.ssh;
    const before = await machine.bootId();
    await machine.must(["sh", "-c", "echo kept > /var/lib/mark; echo lost > /run/mark"]);
    await machine.reboot();
    expect(await machine.bootId()).not.toBe(before);
    expect((await login(machine, "operator", "cat /var/lib/mark /run/mark")).stdout).toBe("kept\n");
    expect(machine.ssh.hostKey).toBe(hostKey);
  });

  test("comes back from a failure of the power", async () => {
    await machine.powerCycle();
    expect((await login(machine, "operator", "cat /var/lib/mark")).stdout).toBe("kept\n");
  });

  test("is another machine at the same place after a rebuild, and says so", async () => {
    const before = machine.ssh;
    await machine.rebuild();
    const after = machine.ssh;
    expect(after.hostKey).not.toBe(before.hostKey);
    expect({ ...after, hostKey: "" }).toEqual({ ...before, hostKey: "" });
    expect((await login(machine, "operator", "ls /var/lib/mark")).code).not.toBe(0);
    const trusting = { ...machine, ssh: before };
    expect((await login(trusting, "operator", "true")).stderr).toContain("REMOTE HOST IDENTIFICATION HAS CHANGED");
  });

  test("leaves nothing when it is stopped", async () => {
    const other = await startMachine({ network: "host" });
    await other.stop();
    expect(await remainsOf(other.name)).toBe("");
    expect(existsSync(dirname(other.ssh.keyFile))).toBe(false);
    expect(await isPortTaken(other.ssh.port)).toBe(false);
  });
});

describe.skipIf(whyNot !== undefined)(`a machine on a bridge${because(whyNot)}`, () => {
  let machine: Machine;
  const served = async (text: string): Promise<{ server: Server; port: number }> => {
    const server = createServer((_, response) => response.end(text)).listen(0, "127.0.0.1");
    await once(server, "listening");
    return { server, port: (server.address() as AddressInfo).port };
  };
  let first: Awaited<ReturnType<typeof served>>;
  let second: Awaited<ReturnType<typeof served>>;
  const get = (port: number) => machine.run(["curl", "-sS", "-m", "3", `http://127.0.0.1:${port}`]);
  beforeAll(async () => {
    [first, second] = [await served("first"), await served("second")];
    machine = await startMachine({ network: "bridge", reach: [first.port] });
  });
  afterAll(async () => {
    await machine?.stop();
    first.server.close();
    second.server.close();
  });

  test("is logged into at its own address", async () => {
    expect((await login(machine, "operator", "hostname")).stdout).toBe(`${machine.name}\n`);
  });

  test("finds at its own loopback only the ports that were opened to it, after a reboot too", async () => {
    expect((await get(first.port)).stdout).toBe("first");
    expect((await get(second.port)).stderr).toContain("Failed to connect");
    await machine.reach(second.port);
    expect((await get(second.port)).stdout).toBe("second");
    await machine.reboot();
    expect((await get(first.port)).stdout).toBe("first");
    expect((await get(second.port)).stdout).toBe("second");
  });

  test("is gone without a word while its network is cut, and there again after", async () => {
    const open = connect(22, machine.ssh.address);
    await once(open, "data");
    const restore = await machine.cutNetwork();
    expect((await login(machine, "operator", "true")).stderr).toContain("Connection timed out");
    expect((await get(first.port)).stderr).toContain("timed out");
    expect(open.closed).toBe(false);
    await restore();
    expect((await login(machine, "operator", "true")).code).toBe(0);
    expect((await get(first.port)).stdout).toBe("first");
    open.destroy();
  });

  test("keeps its address over a rebuild", async () => {
    const before = machine.ssh;
    await machine.rebuild();
    expect(machine.ssh.address).toBe(before.address);
    expect((await login(machine, "operator", "hostname")).code).toBe(0);
    expect((await get(second.port)).stdout).toBe("second");
  });

  test("leaves nothing when it is stopped", async () => {
    const other = await startMachine({ network: "bridge" });
    await other.stop();
    expect(await remainsOf(other.name)).toBe("");
  });
});

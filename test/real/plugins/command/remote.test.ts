import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { because } from "../../machines/docker-engine.js";
import { startImpostor } from "../../machines/impostor.js";
import { noMachines, startMachine, type Machine } from "../../machines/machine.js";
import { openStack, type Stack } from "../stack.js";

const whyNot = noMachines();

describe.skipIf(whyNot !== undefined)(`a remote command on a real sshd${because(whyNot)}`, () => {
  let machine: Machine;
  let stack: Stack;
  beforeAll(async () => {
    machine = await startMachine({ network: "bridge" });
  });
  afterAll(() => machine?.stop());
  beforeEach(async () => {
    stack = await openStack();
  });
  afterEach(async () => {
    await stack.end();
    await machine.must(["sh", "-c", "rm -rf /home/operator/*"]);
  });

  /** A connection in the program's words; `more` overrides. */
  const connection = (more: Record<string, unknown> = {}): string => {
    const { address: host, port, hostKey, agentSocket: agentSocketPath } = machine.ssh;
    return JSON.stringify({ host, port, user: "operator", hostKey, agentSocketPath, dialErrorLimit: 0, ...more });
  };
  const command = (more: string, to = connection()): string =>
    `new remote.Command("a", { connection: ${to}, ${more} })`;
  const exporting = (resource: string): string => `exports.stdout = ${resource}.stdout;`;
  const log = async (): Promise<string> => (await machine.run(["cat", "/home/operator/log"])).stdout;

  test("runs on up, not on a second one nor in a preview, and its delete runs on destroy", async () => {
    const program = exporting(
      command(
        `create: "echo create >> log; hostname", delete: "echo delete >> log; sleep 0.1", addPreviousOutputInEnv: false`,
      ),
    );
    expect(await stack.preview(program)).toMatchObject({ code: 0, steps: ["create a"] });
    expect(await log()).toBe("");
    expect((await stack.done(program)).steps).toEqual(["create a"]);
    expect(await stack.outputs()).toEqual({ stdout: machine.name });
    expect((await stack.done(program)).steps).toEqual([]);
    expect(await log()).toBe("create\n");
    expect(await stack.destroy()).toMatchObject({ code: 0, steps: ["delete a"] });
    expect(await log()).toBe("create\ndelete\n");
  });

  test("is updated, not replaced, by another connection, and replaced by another trigger", async () => {
    const run = `create: "id -un >> log", addPreviousOutputInEnv: false`;
    await stack.done(command(`${run}, triggers: [1]`));
    const asCareful = connection({ user: "careful", perDialTimeout: 20 });
    expect((await stack.up(command(`${run}, triggers: [1]`, asCareful))).steps).toEqual(["update a"]);
    expect((await machine.run(["cat", "/home/careful/log"])).stdout).toBe("careful\n");
    const { steps } = await stack.done(command(`${run}, triggers: [2]`, asCareful));
    expect(steps).toEqual(["create-replacement a", "replace a", "delete-replaced a"]);
    expect((await machine.run(["cat", "/home/careful/log"])).stdout).toBe("careful\ncareful\n");
  });

  test("keeps what it is given, and what it says, out of the state in clear, since its connection is a secret", async () => {
    const key = await readFile(machine.ssh.keyFile, "utf8");
    const byKey = connection({ agentSocketPath: undefined, privateKey: key });
    const program = command(`create: "tee given", stdin: pulumi.secret("open sesame"), logging: "none"`, byKey);
    const { said } = await stack.done(exporting(program));
    expect(await machine.must(["cat", "/home/operator/given"])).toBe("open sesame");
    expect(await stack.outputs()).toEqual({ stdout: "open sesame" });
    expect(said).not.toContain("sesame");
    const written = await stack.written();
    expect(written).not.toContain("sesame");
    expect(written).not.toContain("PRIVATE KEY");
    expect(written).toContain("tee given");
  });

  test("gives nothing to a man in the middle when the machine's key is known, and everything when it is not", async () => {
    const impostor = await startImpostor();
    try {
      const there = { host: impostor.address, port: impostor.port, agentSocketPath: undefined, password: "my word" };
      const program = (more = {}): string =>
        command(`create: "cat", stdin: "open sesame"`, connection({ ...there, ...more }));
      const { code, said } = await stack.up(program());
      expect(code).not.toBe(0);
      expect(said).toContain("after 0 failed attempts: Host denied");
      expect(impostor.caught()).toMatchObject({ users: [], passwords: [], data: "" });

      await stack.done(program({ hostKey: undefined }));
      expect(impostor.caught()).toMatchObject({ passwords: ["my word"], commands: ["cat"], data: "open sesame" });
    } finally {
      await impostor.stop();
    }
  });

  test("dials a bounded number of times, and says how often", async () => {
    const restore = await machine.cutNetwork();
    try {
      const { code, said } = await stack.up(
        command(`create: "true"`, connection({ perDialTimeout: 1, dialErrorLimit: 2 })),
      );
      expect(code).not.toBe(0);
      expect(said).toContain("Dial 2/2 failed: retrying");
      expect(said).toContain("after 2 failed attempts: Timed out");
    } finally {
      await restore();
    }
  });

  test("goes through a bastion that has a key of its own", async () => {
    const bastion = await startMachine({ network: "bridge" });
    try {
      // what only the bastion reaches: its own loopback
      const { address, port, hostKey, agentSocket: agentSocketPath } = bastion.ssh;
      const proxy = { host: address, port, user: "operator", hostKey, agentSocketPath, dialErrorLimit: 0 };
      const behind = { host: "127.0.0.1", port, hostKey, agentSocketPath, proxy };
      const program = exporting(command(`create: "hostname"`, connection({ ...behind })));
      await bastion.must([
        "sed",
        "-i",
        "s/^ListenAddress.*/ListenAddress 0.0.0.0/",
        "/etc/ssh/sshd_config.d/20-here.conf",
      ]);
      await bastion.must(["systemctl", "restart", "ssh"]);
      await stack.done(program);
      expect(await stack.outputs()).toEqual({ stdout: bastion.name });
      const wrong = connection({ ...behind, proxy: { ...proxy, hostKey: machine.ssh.hostKey } });
      expect((await stack.up(command(`create: "id"`, wrong))).said).toContain(
        "proxy: after 0 failed attempts: Host denied",
      );
    } finally {
      await bastion.stop();
    }
  });

  test("fails when the machine's sshd does not pass a variable on", async () => {
    const { said } = await stack.up(command(`create: "true", environment: { FLEET: "1" }`));
    expect(said).toContain(`could not set environment variable "FLEET"`);
    const passed = exporting(command(`create: "echo $LC_FLEET", environment: { LC_FLEET: "1" }`));
    await stack.done(passed);
    expect(await stack.outputs()).toEqual({ stdout: "1" });
  });

  test("is refused with a connection that the real one has not got", async () => {
    const { said, steps } = await stack.up(command(`create: "touch log"`, connection({ knownHosts: "/etc/ssh" })));
    expect(said).toContain("connection.knownHosts");
    expect(said).toContain("is no property of this resource");
    expect(steps).toEqual([]);
  });

  test("copies a file, a text and a folder, again only when they change, and leaves them on destroy", async () => {
    await mkdir(join(stack.folder, "bundle/deep"), { recursive: true });
    await writeFile(join(stack.folder, "bundle/deep/file"), "deep");
    await writeFile(join(stack.folder, "one"), "one");
    const copies = (text: string): string =>
      [
        `source: new pulumi.asset.FileAsset(folder + "/one"), remotePath: "new/folder/one"`,
        `source: new pulumi.asset.StringAsset(${JSON.stringify(text)}), remotePath: "text"`,
        `source: new pulumi.asset.FileArchive(folder + "/bundle"), remotePath: "to"`,
        `source: new pulumi.asset.FileArchive(folder + "/bundle/"), remotePath: "content"`,
      ]
        .map((more, index) => `new remote.CopyToRemote("c${index}", { connection: ${connection()}, ${more} });`)
        .join("\n");
    await stack.done(copies("text"));
    const there = (): Promise<string> =>
      machine.must(["sh", "-c", "cd /home/operator; find * -type f | sort | while read f; do echo $f $(cat $f); done"]);
    expect((await there()).split("\n")).toEqual([
      "content/deep/file deep",
      "new/folder/one one",
      "text text",
      "to/bundle/deep/file deep",
    ]);
    const { steps } = await stack.done(copies("other"));
    expect(steps).toEqual(["update c1"]);
    expect(await machine.must(["cat", "/home/operator/text"])).toBe("other");
    expect((await stack.destroy()).code).toBe(0);
    expect(await machine.must(["cat", "/home/operator/text"])).toBe("other");
  });
});

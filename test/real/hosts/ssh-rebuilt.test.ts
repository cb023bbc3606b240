import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprint } from "../../../components/host/ssh/host-key.js";
import { changed, openEngine } from "../../../scripts/rehearsal/engine.js";
import { outputsSchema, prepareStage, type Stage } from "../../../scripts/rehearsal/stage.js";
import { preparePulumiHome } from "../../../scripts/toolchain/pulumi-home.js";
import type { Address } from "../../../schema/units.js";
import { freePort } from "../../../system/net.js";
import { openRehearsal, type Rehearsal } from "../e2e/rehearsal.js";
import { because } from "../machines/docker-engine.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";
import { users } from "../machines/ssh-access.js";
import { isRegistered } from "../e2e/registered.js";

const whyNot = noMachines();

/* The bundle goes by our own provider alone here: by a key file, to a machine whose key was learnt, as root after a password. */
describe.skipIf(whyNot !== undefined)(`a worker's host that was set up anew behind its back${because(whyNot)}`, () => {
  let rehearsal: Rehearsal;
  let machine: Machine;
  let stage: Stage;
  let folder: string;
  let worker: Address;
  const said: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lf-rebuilt-"));
    rehearsal = await openRehearsal();
    machine = await startMachine({ network: "host" });
    const passwordFile = join(folder, "password");
    await writeFile(passwordFile, `${machine.sudoPassword}\n`, { mode: 0o600 });
    const install = ["sh", "-c", "cat > /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama"];
    await machine.must(install, await readFile(rehearsal.tools.ollama));
    const { address, port, keyFile } = machine.ssh;
    const { folders, tools, network } = rehearsal;
    stage = await prepareStage(folders, tools, network, (line) => void said.push(line), {
      kind: "host",
      ssh: { address, port, user: users.careful, hostKey: "learn", identity: { keyFile }, sudo: { passwordFile } },
      hostRoot: "/srv/the worker",
      ollama: "/usr/local/bin/ollama",
      ollamaPort: await freePort(),
      gpu: "none",
    });
  }, 600_000);
  afterAll(async () => {
    await machine?.stop();
    await rehearsal?.end();
    await rm(folder, { recursive: true, force: true });
  });
  /** The same stack, with the operator's word in the environment. */
  const engineTold = async (word: string) => {
    const { folders, tools } = rehearsal;
    const { pulumi } = await preparePulumiHome(folders.pulumiHome, tools);
    const environment = { ...stage.environment, LIGHTCHAIN_HOLDER_GONE: word };
    return openEngine(folders, { pulumi, environment }, (line) => void said.push(line));
  };

  test("was held to the key of the first contact", async () => {
    await stage.engine.run("up");
    worker = outputsSchema.parse(await stage.engine.outputs()).worker;
    expect(await isRegistered(stage, worker)).toBe(true);
    expect(said.join("\n")).toContain(fingerprint(machine.ssh.hostKey)); // before anybody logged in there
    expect(changed(await stage.engine.run("up"))).toBe(0);
  }, 600_000);

  test("gets nothing afterwards, and stops every run with both keys", async () => {
    const before = machine.ssh.hostKey;
    await machine.rebuild();
    const attempt = stage.engine.run("up");
    await expect(attempt).rejects.toThrow(/LF1531/);
    await expect(attempt).rejects.toThrow(fingerprint(before));
    await expect(attempt).rejects.toThrow(fingerprint(machine.ssh.hostKey));
    expect(await machine.must(["journalctl", "-u", "ssh", "--no-pager"])).not.toContain("Accepted");
  }, 600_000);

  test("does not keep the worker from leaving, once the operator says that the former machine is gone", async () => {
    const refused = await stage.engine.run("destroy").then(String, String);
    expect(refused).toMatch(
      /LF1504: .*home-host \(epoch 1\).*LF1531.*LIGHTCHAIN_HOLDER_GONE=home-host#1 pulumi destroy/,
    );
    expect(await isRegistered(stage, worker)).toBe(true);
    await (await engineTold("home-host#1")).run("destroy");
    expect(await isRegistered(stage, worker)).toBe(false);
    expect(await stage.client.getBalance({ address: worker })).toBe(0n);
    expect(await machine.must(["journalctl", "-u", "ssh", "--no-pager"])).not.toContain("Accepted");
  }, 600_000);
});

import { EC2Client, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { GetKeyRotationStatusCommand, KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Address } from "../../../schema/units.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { violations } from "../../components/host/aws/rules.js";
import { fleetHere, statusesOf } from "../e2e/fleet-command.js";
import { isRegistered } from "../e2e/registered.js";
import { wholeMachine } from "../hosts/search-machine.js";
import { expectNoneOf, thisComputer } from "../hosts/searched.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";
import { clientsOf } from "./clients.js";
import { inCloud } from "./in-cloud.js";
import { linesIn, sumOf } from "./told.js";

const whyNot = noCloud();
const isHeartbeat = (line: string): boolean => /alarm .*-heartbeat$/.test(line);

/** What a destroy's line says that is kept, as the cloud lists what is left. */
function keptIn(line: string): string[] {
  const words =
    /secret (\S+) in (\S+), encrypted with the store's own KMS key (\S+) \(\S+:key\/(\S+)\), no deletion date/;
  const [, secret, region, alias, key] = words.exec(line) ?? [];
  if (region === undefined) return [];
  return [`${region} secret ${secret}`, `${region} alias ${alias}`, `${region} KMS key ${key} Enabled`];
}

describe.skipIf(whyNot !== undefined)(`workers in two regions of AWS${because(whyNot)}`, () => {
  let fleet: Fleet;
  let stage: Stage;
  let workers: Readonly<Record<string, Address>>;
  beforeAll(async () => {
    const somebody = { email: "me@example.org" };
    const told = { alarms: somebody, logs: { days: 7 }, budget: { usd: 500, ...somebody } };
    fleet = await openFleet({ spot: true, ownKey: true, shared: told });
    stage = await fleet.stage();
  }, 600_000);
  afterAll(() => fleet?.end());
  // What the engine said is the only word of what went wrong on a machine that is gone by then.
  beforeEach(({ onTestFailed }) => {
    const from = fleet.said.length;
    onTestFailed(() => void process.stderr.write(`${fleet.said.slice(from).slice(-120).join("\n")}\n`));
  });

  const nonces = () =>
    Promise.all(Object.values(workers).map((address) => stage.client.getTransactionCount({ address })));
  const spotMember = () => fleet.members[1]!;

  test("a preview makes nothing", async () => {
    await stage.engine.run("preview");
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("an up makes them, and each answers a job", async () => {
    await stage.engine.run("up");
    workers = await fleet.addresses(stage);
    expect(Object.keys(workers)).toEqual(["anna", "berta"]);
    for (const address of Object.values(workers)) expect(await isRegistered(stage, address)).toBe(true);
    expect(fleet.cloud.instances().map(({ region, state }) => `${region} ${state}`)).toEqual(
      expect.arrayContaining(["eu-central-1 running", "us-west-2 running"]),
    );
    for (const member of fleet.members) await fleet.answered(member);
  }, 900_000);

  test("fleet status asks each of them on its machine, and resume wants to know which", async () => {
    const { folders } = fleet.rehearsal;
    expect(await statusesOf(folders, stage)).toEqual({ anna: "live", berta: "live" });
    expect((await fleetHere(folders, stage, "resume")).stderr).toMatch(/LF1610: .*anna, berta/);
    expect(await fleetHere(folders, stage, "resume", "--worker", "berta")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(workers["berta"]!) as string,
    });
  });

  test("what of them is kept for good is told by the stack's outputs", async () => {
    const { workers: told } = (await stage.engine.outputs()) as { workers: Record<string, { kept: unknown }> };
    for (const name of ["anna", "berta"])
      expect(told[name]!.kept).toEqual({
        ...{ region: "eu-central-1", secret: `fleet/worker/${stage.network.chainId}/${name}` },
        ...{ kmsKey: "alias/lightchain/fleet", deletion: null },
      });
  });

  test("what was made breaks no rule", async () => {
    const state = await fleet.state(stage);
    expect(state.filter(({ type }) => type === "aws:ec2/instance:Instance")).toHaveLength(2);
    expect(violations(state)).toEqual([]);
  });

  test("another up changes nothing, and asks nothing of the key", async () => {
    const from = fleet.cloud.bridge.asked.length;
    expect(changed(await stage.engine.run("up"))).toBe(0);
    const asked = fleet.cloud.bridge.asked.slice(from);
    expect(asked.filter((line) => line.startsWith("eu-central-1 secretsmanager "))).not.toEqual([]);
    expect(asked.filter((line) => / kms |PutResourcePolicy/.test(line))).toEqual([]);
  });

  test("CloudWatch has each worker's heartbeats, its job, and its sidecar's lines", async () => {
    for (const { name, region } of fleet.members) {
      // the first point knows of neither yet
      await expect.poll(() => sumOf(region, name, "worker_jobs_total"), { timeout: 90_000 }).toBe(1);
      for (const level of ["worker_up", "worker_ollama_up"])
        expect(await sumOf(region, name, level)).toBeGreaterThan(0);
      expect(await sumOf(region, name, "worker_gpu_used")).toBeUndefined(); // it was told to compute on the CPU
    }
    const aws = clientsOf(fleet.cloud.endpoint);
    const lines = await Promise.all(fleet.members.map(({ region }) => linesIn(region, aws)));
    aws.close();
    for (const address of Object.values(workers)) expect(JSON.stringify(lines)).toContain(address);
    expect((await fleet.cloud.left()).filter(isHeartbeat)).toHaveLength(2);
  }, 300_000);

  test("a changed setting reaches them on the machines that they have, and not while no command is taken", async () => {
    const before = await fleet.instanceOf(stage, "anna");
    const louder = { tuning: { logLevel: "debug" } };
    const changedStage = await fleet.stage({ regions: fleet.regions({ anna: louder }) });
    fleet.cloud.agentOff(before);
    await expect(changedStage.engine.run("up")).rejects.toThrow(/LF1590/);
    expect(await statusesOf(fleet.rehearsal.folders, stage)).toEqual({ anna: "LF1590", berta: "live" });
    fleet.cloud.agentOn(before);
    await changedStage.engine.run("up");
    expect(await fleet.instanceOf(changedStage, "anna")).toBe(before);
    await fleet.answered(fleet.members[0]!);
    stage = await fleet.stage();
    await stage.engine.run("up");
  }, 900_000);

  test("a spot machine that is taken back and given back serves again, as the same worker and without a transaction", async () => {
    const { name } = spotMember();
    const instance = await fleet.instanceOf(stage, name);
    const machine = await fleet.cloud.machineOf(instance);
    const sent = await nonces();
    fleet.cloud.spotNotice(instance);
    const log = "/var/lib/lightchain-fleet/workers/berta/log/sidecar.log";
    await expect
      .poll(() => machine.run(["sh", "-c", `cat /var/lib/lightchain-fleet/workers/*/*.log ${log} 2>/dev/null`]), {
        timeout: 60_000,
      })
      .toMatchObject({ stdout: expect.stringContaining("the machine will stop") as string });
    fleet.cloud.interrupt(instance);
    await fleet.cloud.becomes(instance, "stopped");
    expect(await sumOf(spotMember().region, name, "worker_alarms_interruption")).toBe(1);
    await fleet.cloud.giveBack(instance);
    await fleet.cloud.becomes(instance, "running");
    expect(await nonces()).toEqual(sent);
    await fleet.answered(spotMember());
    expect(changed(await stage.engine.run("up"))).toBe(0);
  }, 900_000);

  test("a machine that is gone is replaced, and the worker on it is the same one", async () => {
    const before = await fleet.instanceOf(stage, "anna");
    const client = new EC2Client({ region: "eu-central-1" });
    await client.send(new TerminateInstancesCommand({ InstanceIds: [before] }));
    client.destroy();
    await fleet.cloud.becomes(before, "terminated");
    await stage.engine.run("up", "--refresh");
    expect(await fleet.instanceOf(stage, "anna")).not.toBe(before);
    expect(await fleet.addresses(stage)).toEqual(workers);
    await fleet.answered(fleet.members[0]!);
  }, 900_000);

  test("no private key is in the open while they serve, and each place that is searched gives away one that is put there", async () => {
    const ids = await Promise.all(fleet.members.map(({ name }) => fleet.instanceOf(stage, name)));
    const machines = await Promise.all(ids.map((id) => fleet.cloud.machineOf(id)));
    await expectNoneOf(await fleet.needles(), [
      thisComputer(fleet.rehearsal.folders, fleet.said),
      inCloud(fleet.cloud, { region: fleet.members[0]!.region, id: ids[0]! }),
      ...machines.map(wholeMachine),
    ]);
  }, 900_000);

  test("a destroy that would have to wait puts the machines to rest, and schedules bring them back to leave by themselves", async () => {
    const hasty = await fleet.stage({ exitMaxWaitMs: 30_000 });
    await hasty.engine.run("up");
    await expect(hasty.engine.run("destroy")).rejects.toThrow(/LF1510: .*its machine was stopped/);
    expect((await fleet.cloud.left()).filter(isHeartbeat)).toEqual([]); // nobody is told that a machine at rest is silent
    for (const { name } of fleet.members) await fleet.cloud.becomes(await fleet.instanceOf(hasty, name), "stopped");
    await expect(hasty.engine.run("destroy")).rejects.toThrow(/LF1511: .*stopped until/);
    expect(fleet.cloud.instances().filter(({ state }) => state !== "stopped" && state !== "terminated")).toEqual([]);
    await fleet.rehearsal.network.advance(86_400 + 600);
    expect(await fleet.cloud.fireSchedules(new Date(Date.now() + 86_400_000 + 600_000))).toHaveLength(2);
    const hasLeft = async (address: Address): Promise<boolean> =>
      !(await isRegistered(stage, address)) && (await stage.client.getBalance({ address })) === 0n;
    for (const address of Object.values(workers))
      await expect.poll(() => hasLeft(address), { timeout: 480_000 }).toBe(true);
    await fleet.cloud.fireSchedules(new Date(Date.now() + 2 * 86_400_000));
    for (const { name } of fleet.members) await fleet.cloud.becomes(await fleet.instanceOf(hasty, name), "stopped");
  }, 900_000);

  test("a destroy then leaves nothing but the secrets and the key that it names, and another one nothing to do", async () => {
    const from = fleet.said.length;
    await stage.engine.run("destroy");
    const named = [...new Set(fleet.said.slice(from).flatMap(keptIn))]; // the engine prints each line twice
    expect([...(await fleet.cloud.left())].sort()).toEqual(named.sort());
    expect(named.filter((line) => / secret /.test(line))).toHaveLength(2);
    expect(named).toHaveLength(4); // with the one key and its alias
    const kms = new KMSClient({ region: "eu-central-1" });
    // by its id: of this call an alias is none
    const [KeyId] = named.flatMap((line) => / KMS key (\S+) /.exec(line)?.[1] ?? []);
    const rotation = await kms.send(new GetKeyRotationStatusCommand({ KeyId }));
    kms.destroy();
    expect(rotation.KeyRotationEnabled).toBe(true);
    expect(changed(await stage.engine.run("destroy"))).toBe(0);
  }, 900_000);

  test("no private key is anywhere once they are gone", async () => {
    const needles = await fleet.needles();
    for (const place of [thisComputer(fleet.rehearsal.folders, fleet.said), inCloud(fleet.cloud)])
      expect(await place.search(needles)).toEqual([]);
  }, 300_000);
});

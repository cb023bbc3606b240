import { EC2Client, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { GetKeyRotationStatusCommand, KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findSecrets } from "../../../keystore/secret-scan.js";
import type { Address } from "../../../schema/units.js";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { scanForSecrets } from "../../../scripts/rehearsal/scan.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { violations } from "../../components/host/aws/rules.js";
import { isRegistered } from "../e2e/registered.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";
import { opened } from "./opened.js";

const whyNot = noCloud();

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
    fleet = await openFleet({ spot: true, ownKey: true });
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

  test("a changed setting reaches them on the machines that they have, and not while no command is taken", async () => {
    const before = await fleet.instanceOf(stage, "anna");
    const louder = { tuning: { logLevel: "debug" } };
    const changedStage = await fleet.stage({ regions: fleet.regions({ anna: louder }) });
    fleet.cloud.agentOff(before);
    await expect(changedStage.engine.run("up")).rejects.toThrow(/LF1590/);
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

  test("a destroy that would have to wait puts the machines to rest, and schedules bring them back to leave by themselves", async () => {
    const hasty = await fleet.stage({ exitMaxWaitMs: 5_000 });
    await hasty.engine.run("up");
    await expect(hasty.engine.run("destroy")).rejects.toThrow(/LF1510: .*its machine was stopped/);
    for (const { name } of fleet.members) await fleet.cloud.becomes(await fleet.instanceOf(hasty, name), "stopped");
    await fleet.rehearsal.network.advance(86_400 + 600);
    expect(await fleet.cloud.fireSchedules(new Date(Date.now() + 86_400_000 + 600_000))).toHaveLength(2);
    for (const address of Object.values(workers))
      await expect.poll(() => isRegistered(stage, address), { timeout: 240_000 }).toBe(false);
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
    const rotation = await kms.send(new GetKeyRotationStatusCommand({ KeyId: "alias/lightchain/fleet" }));
    kms.destroy();
    expect(rotation.KeyRotationEnabled).toBe(true);
    expect(changed(await stage.engine.run("destroy"))).toBe(0);
  }, 900_000);

  test("no private key is in state, history, logs, commands or user data, and each that is searched gives away one that is put there", async () => {
    const needles = await fleet.needles();
    expect(await scanForSecrets([fleet.rehearsal.folders.root], needles)).toEqual([]);
    const said = opened(fleet.cloud.said);
    expect(said.flatMap((content) => findSecrets(content, needles))).toEqual([]);
    expect(fleet.cloud.said.some((text) => text.startsWith("#!/bin/sh"))).toBe(true);
    const planted = [...said, needles[0]!.spellings[0]!.bytes];
    expect(planted.flatMap((content) => findSecrets(content, needles))).toHaveLength(1);
  });
});

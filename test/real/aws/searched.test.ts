import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { EC2Client, RunInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findSecrets, needleOf, type SecretNeedle } from "../../../keystore/secret-scan.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { runProcess } from "../../../system/process.js";
import { wholeMachine } from "../hosts/search-machine.js";
import { expectNoneOf, thisComputer } from "../hosts/searched.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";
import { images } from "./images.js";
import { inCloud } from "./in-cloud.js";
import { unpacked } from "./opened.js";

/* That what looks for keys in a fleet finds one wherever it lies: by the very searches that a worker's life is held to. */

const base64 = (content: string | Buffer): string => Buffer.from(content).toString("base64");
test.each<[how: string, pack: (key: Buffer) => string | Buffer]>([
  ["as it is", (key) => key],
  ["compressed", (key) => gzipSync(`{"key":"${key.toString("hex")}"}`)],
  ["as base64 of a text with its digits", (key) => base64(`#!/bin/sh\nkey=${key.toString("hex")}\n`)],
  ["as base64 of what is compressed", (key) => base64(gzipSync(`key=${key.toString("hex")}`))],
  ["in a file that user data unpacks", (key) => base64(`content: ${base64(gzipSync(`key=${[...key].join(",")}`))}\n`)],
])("a key is found %s", (_, pack) => {
  const key = randomBytes(32);
  const around = (packed: string | Buffer) => (typeof packed === "string" ? `{"a":"${packed}"}` : packed);
  const found = unpacked(Buffer.from(around(pack(key)))).flatMap((one) => findSecrets(one, [needleOf("it", key)]));
  expect(found.length).toBeGreaterThan(0);
  expect(
    unpacked(Buffer.from(around(pack(randomBytes(32))))).flatMap((one) => findSecrets(one, [needleOf("it", key)])),
  ).toEqual([]);
});

const whyNot = noCloud();

describe.skipIf(whyNot !== undefined)(`a key that lies in a fleet${because(whyNot)}`, () => {
  let fleet: Fleet;
  let stage: Stage;
  let client: EC2Client;
  let agent: { region: string; id: string };
  const region = "eu-central-1";
  beforeAll(async () => {
    fleet = await openFleet({ alone: true });
    client = new EC2Client({ region });
    const UserData = base64("#!/bin/sh\nsystemctl enable --now amazon-ssm-agent.service\n");
    const asked = { ImageId: images.x86_64, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1, UserData } as const;
    const { Instances } = await client.send(new RunInstancesCommand(asked));
    agent = { region, id: Instances![0]!.InstanceId! };
    stage = await fleet.stage({ regions: { [region]: { workers: {} } } });
    await stage.engine.run("up");
    await fleet.cloud.agentOf(agent.id);
  }, 600_000);
  afterAll(async () => {
    client?.destroy();
    await fleet?.end();
  });

  test("is found wherever AWS shows it, and nothing is once it is taken away", async () => {
    const place = inCloud(fleet.cloud, agent);
    await expectNoneOf([], [place]);
    expect(await place.search([needleOf("another", randomBytes(32))])).toEqual([]);
  }, 300_000);

  test("is found in a machine's files, journal, units and processes", async () => {
    await expectNoneOf([], [wholeMachine(await fleet.cloud.machineOf(agent.id))]);
  }, 300_000);

  test("is found on the computer that the engine runs on", () =>
    expectNoneOf([], [thisComputer(fleet.rehearsal.folders, fleet.said)]));

  test("is found in the engine's own state, in what it keeps of former ones, and in its config and log", async () => {
    const pulumi = async (args: readonly string[], input?: string): Promise<string> => {
      const { code, stdout, stderr } = await runProcess("pulumi", [...args, "--stack", "devnet"], {
        cwd: fleet.rehearsal.folders.project,
        env: stage.environment,
        ...(input === undefined ? {} : { input }),
      });
      if (code !== 0) throw new Error(`pulumi ${args.join(" ")}: ${stdout}${stderr}`);
      return stdout;
    };
    const keys: Record<string, Buffer> = { stated: randomBytes(32), configured: randomBytes(32) };
    const needles: SecretNeedle[] = Object.entries(keys).map(([name, key]) => needleOf(name, key));
    const search = async (): Promise<string[]> => {
      const leaks = await thisComputer(fleet.rehearsal.folders, fleet.said).search(needles);
      return leaks.map(({ what, where }) => `${what} ${where.replace(fleet.rehearsal.folders.root, "")}`);
    };
    expect(await search()).toEqual([]);
    const exported = await pulumi(["stack", "export"]);
    const state = JSON.parse(exported) as { deployment: { resources: { outputs?: object }[] } };
    state.deployment.resources[0]!.outputs = { said: keys["stated"]!.toString("hex") };
    await pulumi(["stack", "import"], JSON.stringify(state));
    expect(await search()).toEqual([expect.stringMatching(/^stated .*\.pulumi\/stacks\/.*\/devnet\.json$/)]);
    await pulumi(["config", "set", "--plaintext", "noted", base64(keys["configured"]!)]);
    await stage.engine.run("up");
    const found = await search();
    for (const place of [
      /^stated .*\.pulumi\/stacks\/.*\/devnet\.json\.bak$/,
      /^stated .*\/logs\/up-events\.json$/,
      /^stated said$/,
      /^configured .*Pulumi\.devnet\.yaml$/,
      /^configured .*\.pulumi\/backups\//,
      /^configured .*\.pulumi\/history\/.*\.checkpoint\.json$/,
      /^configured .*\.pulumi\/history\/.*\.history\.json$/,
    ])
      expect(found).toContainEqual(expect.stringMatching(place));
  }, 300_000);

  test("leaves no trace of what was put there", async () => {
    await client.send(new TerminateInstancesCommand({ InstanceIds: [agent.id] }));
    await fleet.cloud.becomes(agent.id, "terminated");
    await stage.engine.run("destroy");
    expect(await fleet.cloud.left()).toEqual([]);
  }, 300_000);
});

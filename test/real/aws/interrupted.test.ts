import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { changed } from "../../../scripts/rehearsal/engine.js";
import { stateOf } from "../../../scripts/ops/pending.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import type { Address } from "../../../schema/units.js";
import { byHandReadable } from "../e2e/killed/interrupted-engine.js";
import { lifeOnChain, type Counts } from "../e2e/killed/life-on-chain.js";
import { soak } from "../soak.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";
import { killedAt, prepareKilledRuns, type KilledRuns } from "./killed-run.js";

const whyNot = noCloud();

/** What makes something that AWS bills, or that another has to find again: an answer to each is withheld once. */
const billed = [
  ...["CreateBucket", "CreateRole", "PutRolePolicy", "CreateInstanceProfile", "CreateSecurityGroup", "PutMetricAlarm"],
  ...["CreateVolume", "RunInstances", "CreateTopic", "CreateLogGroup", "CreateBudget"],
];

/** Where `npm test` kills. `npm run soak` kills at every place. */
const here = [
  new RegExp(`^(${[...billed, "AttachVolume", "CreateCapacityReservation"].join("|")}) unanswered$`),
  /^(Keys|Placement|Instance|JournalDisk|Host|Model|Service|Funding|Registration) \S+ (made|removed): begun$/,
  /^(Placement|Volume|Instance|VolumeAttachment|JournalDisk|Registration) \S+ (made|removed): done$/,
];
const spare = (place: string): boolean => !isEverywhere && !here.some((pattern) => pattern.test(place));
const isEverywhere = soak.rounds(0) > 0;

describe.skipIf(whyNot !== undefined)(`a worker in AWS whose every run is killed${because(whyNot)}`, () => {
  let fleet: Fleet;
  let stage: Stage;
  let runs: KilledRuns;
  let worker: Address;
  const told: string[] = [];
  const open = async (): Promise<void> => {
    const somebody = { email: "me@example.org" };
    const shared = { alarms: somebody, logs: { days: 7 }, budget: { usd: 500, ...somebody } };
    fleet = await openFleet({ alone: true, ownKey: true, shared });
    stage = await fleet.stage();
    runs = await prepareKilledRuns(fleet.rehearsal.folders, stage, fleet.cloud.bridge.withheld);
  };
  beforeAll(open, 600_000);
  afterAll(() => fleet?.end());
  beforeEach(({ onTestFailed }) => {
    onTestFailed(() => void process.stderr.write(`${told.slice(-12).join("\n")}\n`));
  });

  const counts = async (): Promise<Counts> => {
    const { operator } = stage;
    const treasury = (await operator.store.read(operator.treasury, "treasury")).record.address;
    return lifeOnChain(stage, worker, treasury);
  };
  /** `undefined`: the engine cannot read its state. */
  const creating = async (): Promise<readonly string[] | undefined> => {
    const { code, stdout } = await runs.whole("pulumi", "stack", "export");
    return code === 0 ? stateOf(stdout).creating : undefined;
  };

  /** Runs it until it is through, killed wherever it comes for the first time; what each left is taken up by hand and by `fleet` in turn. */
  async function untilThrough(command: "up" | "destroy"): Promise<string> {
    for (let round = 0; ; round += 1) {
      const began = Date.now();
      const byHand = round % 2 === 0;
      if (byHand) {
        await byHandReadable(fleet.rehearsal.folders);
        await runs.whole("pulumi", "cancel", "--yes"); // fails where there is nothing to unlock
      }
      const fleetCommand = byHand || (await creating())?.length === 0 ? command : "repair";
      const { at, code, output } = byHand
        ? await runs.run("pulumi", [command, "--yes", "--skip-preview"], spare)
        : await runs.run("fleet", [fleetCommand, "--yes"], spare);
      const how = byHand ? `pulumi ${command}` : `fleet ${fleetCommand}`;
      told.push(`${how}: ${at?.join(", ") ?? `ended with ${code}`} (${Date.now() - began} ms)`);
      if (isEverywhere) process.stderr.write(`${told.at(-1)}\n`); // a long one says where it is
      if (at !== undefined) continue;
      expect(code, output).toBe(0);
      if (!byHand && fleetCommand !== command) continue; // a repair that had little to do
      const places = [...runs.places].filter((place) => command === "up" || place.includes(" removed: "));
      soak.report({ what: `${command}, killed at ${places.length} places`, seed: soak.seed, wrong: [] });
      return output;
    }
  }

  /** What is there, by kind, and how often. */
  const kinds = async (): Promise<Record<string, number>> => {
    const counted: Record<string, number> = {};
    for (const line of await fleet.cloud.left()) {
      const [, kind = line] =
        /^\S+ (instance profile|security group|capacity reservation|internet gateway|KMS key|log group|\w+) /.exec(
          line,
        ) ?? [];
      counted[kind] = (counted[kind] ?? 0) + 1;
    }
    return counted;
  };

  const leftBesideSecrets = async (): Promise<string[]> =>
    (await fleet.cloud.left()).filter((line) => !/^eu-central-1 (secret|alias|KMS key) /.test(line));

  test("comes up, and has paid and registered once", async () => {
    await untilThrough("up");
    expect([...runs.places]).toEqual(expect.arrayContaining(billed.map((action) => `${action} unanswered`)));
    expect(await runs.whole("fleet", "repair", "--yes")).toMatchObject({ code: 0 });
    expect(await creating()).toEqual([]);
    worker = (await fleet.addresses(stage))["anna"]!;
    await fleet.answered(fleet.members[0]!);
    expect(await counts()).toMatchObject({ fundings: 1, registrations: 1, isRegistered: true });
  }, 5_400_000);

  test("has one of everything that costs anything, and knows of it", async () => {
    expect(changed(await stage.engine.run("up", "--refresh"))).toBe(0);
    const { "capacity reservation": reservations = 0, ...rest } = await kinds();
    expect(reservations).toBeLessThanOrEqual(1);
    // the machine's own disk and the journals'
    expect(rest).toMatchObject({ instance: 1, volume: 2, secret: 1, "KMS key": 1, alias: 1 });
    const watching = (await fleet.state(stage)).filter(({ type }) => type === "aws:cloudwatch/metricAlarm:MetricAlarm");
    expect(rest["alarm"]).toBe(watching.length);
    expect(rest["schedule"]).toBeUndefined();
    expect(fleet.cloud.instances().filter(({ state }) => state !== "terminated")).toHaveLength(1);
  }, 600_000);

  test("goes, is paid back once, and leaves nothing but its secret and the store's key", async () => {
    await fleet.rehearsal.network.advance(86_400 + 600);
    const output = await untilThrough("destroy");
    expect(output).not.toContain("was not looked for");
    expect(await leftBesideSecrets()).toEqual([]);
    expect(await kinds()).toEqual({ secret: 1, "KMS key": 1, alias: 1 });
    const { sent, isRegistered, balance } = await counts();
    expect({ isRegistered, balance }).toEqual({ isRegistered: false, balance: 0n });
    expect(sent.filter((what) => ["sweep", "deregisterWorker", "registerWorker"].includes(what))).toEqual([
      ...["registerWorker", "deregisterWorker", "sweep"],
    ]);
  }, 5_400_000);

  describe("whose engine was killed before it knew of", () => {
    // Its own: the worker has left the other for good.
    beforeAll(async () => {
      await fleet.end();
      await open();
    }, 600_000);

    const said = /taken away, as an interrupted run had made it and not written down: (.*)/;

    test.each([
      ["its machine", "RunInstances", "instance"],
      ["its machine's reservation", "CreateCapacityReservation", "capacity reservation"],
    ] as const)(
      "%s has nothing after a plain destroy",
      async (_, action, kind) => {
        runs = await killedAt(fleet, stage, action);
        expect((await leftBesideSecrets()).join("\n")).toContain(` ${kind} `);
        const { code, stdout, stderr } = await runs.whole("pulumi", "destroy", "--yes", "--skip-preview");
        expect(code, stdout + stderr).toBe(0);
        expect(await leftBesideSecrets()).toEqual([]);
      },
      600_000,
    );

    test("its machine has one after a plain up, which says what it took away", async () => {
      runs = await killedAt(fleet, stage, "RunInstances");
      const [orphan] = fleet.cloud.instances().filter(({ state }) => state !== "terminated");
      const { code, stdout } = await runs.whole("pulumi", "up", "--yes", "--skip-preview");
      expect(code, stdout).toBe(0);
      expect(said.exec(stdout)?.[1]).toContain(orphan!.id);
      expect(await kinds()).toMatchObject({ instance: 1, volume: 2, "log group": 1 });
      await stage.engine.run("destroy");
      expect(await leftBesideSecrets()).toEqual([]);
    }, 900_000);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isRegistered } from "../e2e/registered.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";

const whyNot = noCloud();

describe.skipIf(whyNot !== undefined)(`a spot machine that its zone has not got${because(whyNot)}`, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet({ alone: true });
  }, 300_000);
  afterAll(() => fleet?.end());
  beforeEach(({ onTestFailed }) => {
    const from = fleet.said.length;
    onTestFailed(() => void process.stderr.write(`${fleet.said.slice(from).slice(-120).join("\n")}\n`));
  });
  const spot = { types: ["g6.xlarge"], spot: true };
  const placed = async (): Promise<readonly unknown[]> =>
    (await fleet.state(await fleet.stage())).flatMap(({ type, outputs }) =>
      type.endsWith(":Placement") ? [outputs["zone"]] : [],
    );
  let full: string;

  test("ends the run with AWS's own word, before anything is sent", async () => {
    fleet.cloud.noCapacity("g6.xlarge", "any");
    const { engine, client, operator } = await fleet.stage({ regions: fleet.regions({ anna: spot }) });
    const { address } = (await operator.store.read(operator.treasury, "treasury")).record;
    const before = await client.getTransactionCount({ address });
    await expect(engine.run("up")).rejects.toThrow();
    expect(fleet.said.join("\n")).toMatch(/InsufficientInstanceCapacity/);
    expect(await client.getTransactionCount({ address })).toBe(before);
    expect(fleet.cloud.instances()).toEqual([]);
    full = String((await placed())[0]);
    expect(full).toMatch(/^eu-central-1[a-c]$/);
  }, 300_000);

  test("is had in another zone, under another hostName; the former one's disk goes", async () => {
    fleet.cloud.capacityAgain("g6.xlarge");
    fleet.cloud.noCapacity("g6.xlarge", full);
    const zones = ["a", "b", "c"].map((letter) => `eu-central-1${letter}`).filter((zone) => zone !== full);
    const elsewhere = { ...spot, hostName: "anna-elsewhere", zones };
    const stage = await fleet.stage({ regions: fleet.regions({ anna: elsewhere }) });
    await stage.engine.run("up");
    expect(await placed()).toEqual([expect.stringMatching(new RegExp(`^(${zones.join("|")})$`))]);
    const { anna } = await fleet.addresses(stage);
    expect(await isRegistered(stage, anna!)).toBe(true);
    await fleet.answered(fleet.members[0]!);
    const billed = (await fleet.cloud.left()).filter((line) => /^eu-central-1 (instance|volume|address) /.test(line));
    expect(billed).toEqual([
      expect.stringContaining(" instance "),
      // the machine's own disk and the journals'
      expect.stringContaining(" volume "),
      expect.stringContaining(" volume "),
    ]);
  }, 600_000);
});

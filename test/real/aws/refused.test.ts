import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";

const whyNot = noCloud();

describe.skipIf(whyNot !== undefined)(`a fleet that a region cannot have${because(whyNot)}`, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet();
  }, 300_000);
  afterAll(() => fleet?.end());
  const onDemand = "L-DB2E81BA";

  /** Everything that the engine said of a run that must fail. */
  async function refused(
    config: Readonly<Record<string, unknown>>,
    command: "preview" | "up" = "preview",
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { engine } = await fleet.stage(config, environment);
    const from = fleet.said.length;
    await expect(engine.run(command)).rejects.toThrow();
    return fleet.said.slice(from).join("\n");
  }

  test("for its quota of 0 is told how many vCPUs it needs, where, and how to ask for them", async () => {
    fleet.cloud.setQuota(onDemand, 0, "eu-central-1");
    const said = await refused({});
    expect(said).toMatch(/LF1824: .*eu-central-1.*\b4\b/);
    expect(said).toMatch(/request-service-quota-increase --region eu-central-1 .*--quota-code L-DB2E81BA/);
    fleet.cloud.setQuota(onDemand, 64, "eu-central-1");
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("because none of its types is offered there is told so, with the region", async () => {
    for (const type of ["g6.xlarge", "g5.xlarge"]) fleet.cloud.setOfferings("us-west-2", type, []);
    expect(await refused({})).toMatch(/LF1825: .*us-west-2/);
    for (const type of ["g6.xlarge", "g5.xlarge"])
      fleet.cloud.setOfferings("us-west-2", type, ["us-west-2a", "us-west-2b"]);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("without credentials is told how to get some", async () => {
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    expect(await refused({}, "preview", none)).toMatch(/LF1820: .*aws sso login/);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("in another account than the one that is named is told both", async () => {
    const regions = fleet.regions({}, { account: "999999999999" });
    expect(await refused({ regions })).toMatch(/LF1821: .*123456789012.*999999999999/);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("because there is no machine free is told what was tried; nothing is staked, and no machine is there", async () => {
    for (const type of ["g6.xlarge", "g5.xlarge"]) fleet.cloud.noCapacity(type, "any");
    expect(await refused({}, "up")).toMatch(/LF1800: .*g6\.xlarge in eu-central-1/);
    expect(fleet.cloud.instances()).toEqual([]);
    const { engine } = await fleet.stage();
    await engine.run("destroy");
    expect((await fleet.cloud.left()).filter((line) => !/secret/.test(line))).toEqual([]);
  }, 300_000);
});

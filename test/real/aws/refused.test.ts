import { EC2Client, RunInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";
import { images } from "./images.js";
import type { Refusals } from "./refusals.js";

const whyNot = noCloud();

describe.skipIf(whyNot !== undefined)(`a fleet that a region cannot have${because(whyNot)}`, () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet();
  }, 300_000);
  afterEach(() => {
    fleet.cloud.bridge.refusals.allowAll();
    for (const region of ["eu-central-1", "us-west-2"])
      for (const code of [onDemand, onSpot]) fleet.cloud.setQuota(code, 64, region);
  });
  afterAll(() => fleet?.end());
  const [onDemand, onSpot] = ["L-DB2E81BA", "L-3819A6DF"];
  const refuse: Refusals["refuse"] = (which, code) => fleet.cloud.bridge.refusals.refuse(which, code);

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
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("for a quota of spot's own that is 0 is told that one, and not the one that is enough", async () => {
    fleet.cloud.setQuota(onSpot, 0, "us-west-2");
    const said = await refused({ regions: fleet.regions({ berta: { spot: true } }) });
    expect(said).toMatch(
      /LF1824: In us-west-2 this account may run 0 vCPUs \(All G and VT Spot Instance Requests, L-3819A6DF\), of which 0 are in use; berta needs 4 more\./,
    );
    expect(said).toMatch(/--region us-west-2 --service-code ec2 --quota-code L-3819A6DF --desired-value 4 /);
    expect(said).not.toMatch(/LF1824: .*L-DB2E81BA/);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("for a quota that others use up is told what runs, and what it has to be", async () => {
    fleet.cloud.setQuota(onDemand, 10, "eu-central-1");
    const client = new EC2Client({ region: "eu-central-1" });
    const { Instances } = await client.send(
      new RunInstancesCommand({ ImageId: images.x86_64, InstanceType: "g5.2xlarge", MinCount: 1, MaxCount: 1 }),
    );
    const other = Instances![0]!.InstanceId!;
    await fleet.cloud.becomes(other, "running");
    const said = await refused({});
    await client.send(new TerminateInstancesCommand({ InstanceIds: [other] }));
    client.destroy();
    expect(said).toMatch(
      /LF1824: In eu-central-1 this account may run 10 vCPUs \(Running On-Demand G and VT instances, L-DB2E81BA\), of which 8 are in use; anna needs 4 more\./,
    );
    expect(said).toMatch(/--region eu-central-1 --service-code ec2 --quota-code L-DB2E81BA --desired-value 12 /);
    await fleet.cloud.becomes(other, "terminated");
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("because its model is too big for each of its types is told what it takes, what each has, and how to find one", async () => {
    const said = await refused({ regions: fleet.regions({ anna: { models: ["llama3-70b"], contextLength: 8_192 } }) });
    expect(said).toMatch(
      /LF1826: Worker anna: its models fit on none of its types: g6\.xlarge: llama3-70b takes 43\.8 GiB, it has 22\.4 GiB; g5\.xlarge: llama3-70b takes 43\.8 GiB, it has 22\.4 GiB\./,
    );
    expect(said).toMatch(/npx fleet fit llama3-70b --context 8192 --parallel 1 shows types that hold them/);
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

  test("by credentials that have expired is told so, and not that a region is off", async () => {
    refuse({ service: "sts" }, "ExpiredToken");
    refuse({ service: "ec2" }, "RequestExpired");
    refuse({}, "ExpiredTokenException");
    const said = await refused({});
    expect(said).toMatch(/LF1820: .*they have expired.*aws sts get-caller-identity/);
    expect(said).not.toMatch(/LF1822/);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("because a region is not enabled is told which one, and how it is", async () => {
    refuse({ region: "us-west-2", service: "ec2" }, "AuthFailure");
    refuse({ region: "us-west-2" }, "UnrecognizedClientException");
    const said = await refused({});
    expect(said).toMatch(
      /LF1822: The region us-west-2 is not enabled .*aws account enable-region --region-name us-west-2/,
    );
    expect(said).not.toMatch(/LF18\d\d: .*eu-central-1/);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("because there is no such region is told the name, and how to see those that there are", async () => {
    const { "us-west-2": berta, ...others } = fleet.regions();
    // A label of more than 63 letters is in no name that there can be: no name server is asked.
    const nowhere = `https://${"x".repeat(64)}.invalid`;
    const noServers = { EC2: nowhere, SSM: nowhere, SERVICE_QUOTAS: nowhere };
    const said = await refused(
      { regions: { ...others, "us-nowhere-9": berta } },
      "preview",
      Object.fromEntries(Object.entries(noServers).map(([service, url]) => [`AWS_ENDPOINT_URL_${service}`, url])),
    );
    expect(said).toMatch(/LF1823: AWS has no region us-nowhere-9: .*aws account list-regions/);
    expect(await fleet.cloud.left()).toEqual([]);
  });

  test("because AWS throttles and goes on doing so is told what was asked, where, and that nothing was changed", async () => {
    refuse({ region: "us-west-2", action: "DescribeInstances" }, "RequestLimitExceeded");
    const from = fleet.cloud.bridge.asked.length;
    const said = await refused({});
    expect(said).toMatch(
      /LF1827: AWS throttles ec2:DescribeInstances in us-west-2, .*run the same command again in a minute: nothing was changed/,
    );
    const asked = fleet.cloud.bridge.asked.slice(from);
    expect(asked.filter((line) => line === "us-west-2 ec2 DescribeInstances")).toHaveLength(6);
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
    expect(fleet.cloud.instances().filter(({ state }) => state !== "terminated")).toEqual([]);
    const { engine } = await fleet.stage();
    await engine.run("destroy");
    expect((await fleet.cloud.left()).filter((line) => !/secret/.test(line))).toEqual([]);
  }, 300_000);
});

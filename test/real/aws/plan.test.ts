import {
  CreateSubnetCommand,
  CreateVpcCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { breaches, changedPlan, violations, type Planned } from "../../components/host/aws/rules.js";
import shapes from "../../plugins/aws/shapes.json";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";

const whyNot = noCloud();

/** Every kind of network, somebody to tell of alarms, and spot, in the engine's own plan. What its machines share is made before, so that the plan has no gaps there. */
describe.skipIf(whyNot !== undefined)(`the plan of three regions${because(whyNot)}`, () => {
  let fleet: Fleet;
  let client: EC2Client;
  let given: { vpc: string; subnet: string };
  let plan: readonly Planned[];
  beforeAll(async () => {
    fleet = await openFleet();
    client = new EC2Client({ region: "us-west-2" });
    const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: "10.9.0.0/16" }));
    const vpc = Vpc!.VpcId!;
    const asked = { VpcId: vpc, CidrBlock: "10.9.0.0/20", AvailabilityZone: "us-west-2b" };
    const { Subnet } = await client.send(new CreateSubnetCommand(asked));
    given = { vpc, subnet: Subnet!.SubnetId! };
    const empty = await fleet.stage({ regions: regions(() => ({})) });
    await empty.engine.run("up");
    plan = await fleet.plan(await fleet.stage({ regions: regions((workers) => workers) }));
  }, 600_000);
  afterAll(async () => {
    client?.destroy();
    await fleet?.end();
  });

  /** @param has the workers of a region, of those that it is to have */
  function regions(has: (workers: Record<string, object>) => object): Record<string, unknown> {
    const { "eu-central-1": one, "us-west-2": two } = fleet.regions({ berta: { spot: true } }) as Record<
      string,
      { workers: Record<string, object> }
    >;
    const [anna, berta] = [one!.workers["anna"]!, two!.workers["berta"]!];
    return {
      "eu-central-1": {
        network: { zones: ["eu-central-1a", "eu-central-1c"] },
        alarms: { email: "me@example.org" },
        logs: { days: 7 },
        budget: { usd: 500, email: "me@example.org" },
        tags: { team: "gpu" },
        workers: has({ anna }),
      },
      "us-west-2": {
        network: { vpc: given.vpc, subnets: { "us-west-2b": given.subnet } },
        alarms: { topic: "arn:aws:sns:us-west-2:123456789012:mine" },
        workers: has({ berta }),
      },
      "eu-west-1": { workers: has({ carla: { ...anna, spot: true }, dora: { ...berta, spot: false } }) },
    };
  }

  test("has everything that the fleet can be made of, and breaks no rule", () => {
    const types = new Set(plan.map(({ type }) => type).filter((type) => type.startsWith("aws:")));
    expect([...types].sort()).toEqual(Object.keys(shapes).filter((type) => !type.startsWith("aws:kms/")));
    expect(plan.filter(({ type }) => type === "aws:ec2/instance:Instance")).toHaveLength(4);
    expect(violations(plan)).toEqual([]);
  });

  test("is known but for what a placement chooses", () => {
    const unknown = plan.flatMap(({ type, inputs }) =>
      Object.keys(inputs).flatMap((key) =>
        inputs[key] === "04da6b54-80e4-46f7-96ec-b56ff0331ba9" ? `${type} ${key}` : [],
      ),
    );
    expect([...new Set(unknown)].filter((one) => one.startsWith("aws:")).sort()).toMatchInlineSnapshot(`
      [
        "aws:cloudwatch/metricAlarm:MetricAlarm alarmDescription",
        "aws:ebs/volume:Volume availabilityZone",
        "aws:ebs/volume:Volume tags",
        "aws:ec2/instance:Instance ami",
        "aws:ec2/instance:Instance availabilityZone",
        "aws:ec2/instance:Instance instanceType",
        "aws:ec2/instance:Instance subnetId",
        "aws:ec2/instance:Instance tags",
        "aws:ec2/volumeAttachment:VolumeAttachment instanceId",
        "aws:ec2/volumeAttachment:VolumeAttachment volumeId",
      ]
    `);
  });

  test.each(breaches)("with %s breaks one", (_, type, change, said) => {
    expect(violations(changedPlan(plan, type, change)).join("\n")).toMatch(said);
  });

  test("without its tags breaks one for each thing that can have some", () => {
    const tagged = plan.filter(({ inputs }) => "tags" in inputs).map(({ type, name }) => `${name} (${type})`);
    const ofAws = tagged.filter((one) => one.includes("(aws:"));
    const bare = changedPlan(plan, /^aws:/, (inputs) => delete inputs["tags"]);
    expect(violations(bare)).toEqual(ofAws.map((one) => `${one}: is not tagged`));
  });

  test("made nothing of the machines, and goes without a trace", async () => {
    expect(
      (await fleet.cloud.left()).filter((line) => / (instance i-|volume |capacity reservation |secret )/.test(line)),
    ).toEqual([]);
    await (await fleet.stage({ regions: regions(() => ({})) })).engine.run("destroy");
    await client.send(new DeleteSubnetCommand({ SubnetId: given.subnet }));
    await client.send(new DeleteVpcCommand({ VpcId: given.vpc }));
    expect(await fleet.cloud.left()).toEqual([]);
  }, 300_000);
});

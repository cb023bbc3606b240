import {
  DescribeInternetGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changed } from "../../../scripts/rehearsal/engine.js";
import type { Stage } from "../../../scripts/rehearsal/stage.js";
import { because } from "../machines/docker-engine.js";
import { noCloud } from "./cloud.js";
import { openFleet, type Fleet } from "./fleet.js";
import { killedAt, type KilledRuns } from "./killed-run.js";

const whyNot = noCloud();

/** What a region has of its own where it is asked to, and by what it is known. */
const made = [
  ["CreateVpc", "vpc", /\bvpc-/],
  ["CreateSubnet", "vpc", /\bsubnet-/],
  ["CreateInternetGateway", "internet gateway", /\bigw-/],
  ["CreateRouteTable", "vpc", /\brtb-/],
  ["CreateTopic", "topic", /:eu-central-1-alarms-[0-9a-f]{7}/],
] as const;

describe.skipIf(whyNot !== undefined)(`a region whose run is killed${because(whyNot)}`, () => {
  let fleet: Fleet;
  let stage: Stage;
  let runs: KilledRuns;
  beforeAll(async () => {
    fleet = await openFleet({ alone: true });
    const region = {
      network: { zones: ["eu-central-1a", "eu-central-1b"] },
      alarms: { email: "me@example.org" },
      workers: {},
    };
    stage = await fleet.stage({ regions: { "eu-central-1": region } });
  }, 600_000);
  afterAll(() => fleet?.end());

  /** What is in the networks that were made. */
  async function parts(): Promise<Record<string, number>> {
    const client = new EC2Client({ region: "eu-central-1" });
    const ours = { Filters: [{ Name: "tag-key", Values: ["lightchain:region"] }] };
    try {
      const { Subnets = [] } = await client.send(new DescribeSubnetsCommand(ours));
      const { InternetGateways = [] } = await client.send(new DescribeInternetGatewaysCommand(ours));
      const { RouteTables = [] } = await client.send(new DescribeRouteTablesCommand(ours));
      const associations = RouteTables.flatMap(({ Associations = [] }) => Associations);
      return {
        ...{ subnets: Subnets.length, gateways: InternetGateways.length, tables: RouteTables.length },
        associations: associations.length,
      };
    } finally {
      client.destroy();
    }
  }
  /** The network and what is shared say it each; the kill may have caught another thing of theirs just being made. */
  const told = (output: string): string =>
    [...output.matchAll(/had made it and not written down: (.*)/g)].map(([, ids]) => ids).join(", ");

  test.each(made)(
    "after %s has nothing once it is destroyed, and the line says what was left",
    async (action, kind, id) => {
      runs = await killedAt(fleet, stage, action);
      expect((await fleet.cloud.left()).join("\n")).toContain(`eu-central-1 ${kind} `);
      const { code, stdout, stderr } = await runs.whole("pulumi", "destroy", "--yes", "--skip-preview");
      expect(code, stdout + stderr).toBe(0);
      expect(stdout).not.toContain("was not looked for");
      expect(told(stdout)).toMatch(id);
      expect(await fleet.cloud.left()).toEqual([]);
    },
    120_000,
  );

  test.each(["CreateSubnet", "AttachInternetGateway", "AssociateRouteTable"] as const)(
    "after %s is made whole by fleet repair, and has one of each",
    async (action) => {
      runs = await killedAt(fleet, stage, action);
      if (action === "CreateSubnet")
        expect((await runs.whole("pulumi", "up", "--yes", "--skip-preview")).stdout).toContain(
          "InvalidSubnet.Conflict",
        );
      const { code, stdout, stderr } = await runs.whole("fleet", "repair", "--yes");
      expect(code, stdout + stderr).toBe(0);
      expect(stderr).toMatch(/Taken away in eu-central-1, as a killed run had not written it down: /);
      expect(await parts()).toEqual({ subnets: 2, gateways: 1, tables: 1, associations: 2 });
      expect(changed(await stage.engine.run("up", "--refresh"))).toBe(0);
      await stage.engine.run("destroy");
      expect(await fleet.cloud.left()).toEqual([]);
    },
    240_000,
  );
});

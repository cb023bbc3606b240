import {
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  CreateInternetGatewayCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeInternetGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
  type ResourceType,
} from "@aws-sdk/client-ec2";
import { CreateTopicCommand, ListTopicsCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { sweepNetwork, sweepShared } from "../../../components/host/aws/sweep/shared-sweep.js";
import { because } from "../machines/docker-engine.js";
import { startFront, type Front, type Said } from "./front.js";
import { useEnvironment } from "./ground.js";
import { environmentFor, noMoto, startMoto, type EmulatedAws } from "./moto.js";

/* What killed runs left of a region's network and topic, on the emulated AWS; what that does not refuse, it is made to. Each test has a region of its own. */

const whyNot = noMoto();
const [name, stack] = ["frankfurt", "fleet/live"];
const ours = { "lightchain:stack": stack, "lightchain:region": name };

/** What the emulated AWS lacks: it knows of no reservations. */
const lacking = (action: string): Said | undefined =>
  action === "DescribeCapacityReservations" ? { xml: `<${action}Response></${action}Response>` } : undefined;

describe.skipIf(whyNot !== undefined)(`what killed runs left in a region${because(whyNot)}`, () => {
  let moto: EmulatedAws;
  let front: Front;
  let ec2: EC2Client;
  let sns: SNSClient;
  beforeAll(async () => {
    moto = await startMoto();
    front = await startFront(moto.endpoint);
  });
  beforeEach(() => {
    useEnvironment(environmentFor(front.endpoint));
    front.say = lacking;
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await front?.stop();
    await moto?.stop();
  });

  /** Clients of a region, for as long as the work takes. */
  async function inRegion(region: string, work: () => Promise<void>): Promise<void> {
    [ec2, sns] = [new EC2Client({ region }), new SNSClient({ region })];
    try {
      await work();
    } finally {
      ec2.destroy();
      sns.destroy();
    }
  }
  const tagged = (kind: ResourceType, tags: Record<string, string>) => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: kind, Tags }] };
  };
  const vpc = async (tags: Record<string, string>): Promise<string> =>
    (await ec2.send(new CreateVpcCommand({ CidrBlock: "10.77.0.0/16", ...tagged("vpc", tags) }))).Vpc!.VpcId!;
  const subnet = async (VpcId: string, block: number, tags: Record<string, string>): Promise<string> => {
    const CidrBlock = `10.77.${block * 16}.0/20`;
    const made = await ec2.send(new CreateSubnetCommand({ VpcId, CidrBlock, ...tagged("subnet", tags) }));
    return made.Subnet!.SubnetId!;
  };
  const routeTable = async (VpcId: string, tags: Record<string, string>): Promise<string> =>
    (await ec2.send(new CreateRouteTableCommand({ VpcId, ...tagged("route-table", tags) }))).RouteTable!.RouteTableId!;
  const gateway = async (tags: Record<string, string>, VpcId?: string): Promise<string> => {
    const made = await ec2.send(new CreateInternetGatewayCommand(tagged("internet-gateway", tags)));
    const InternetGatewayId = made.InternetGateway!.InternetGatewayId!;
    if (VpcId !== undefined) await ec2.send(new AttachInternetGatewayCommand({ InternetGatewayId, VpcId }));
    return InternetGatewayId;
  };
  const topic = async (called: string, of: string): Promise<string> => {
    const Tags = [{ Key: "lightchain:stack", Value: of }];
    return (await sns.send(new CreateTopicCommand({ Name: called, Tags }))).TopicArn!;
  };
  /** Everything of a kind that can be left there, but for what is there by itself. */
  async function there(): Promise<string[]> {
    const { Vpcs = [] } = await ec2.send(new DescribeVpcsCommand({}));
    const own = Vpcs.filter(({ IsDefault }) => IsDefault !== true).map(({ VpcId }) => VpcId!);
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    const { RouteTables = [] } = await ec2.send(new DescribeRouteTablesCommand({}));
    const { InternetGateways = [] } = await ec2.send(new DescribeInternetGatewaysCommand({}));
    const { Topics = [] } = await sns.send(new ListTopicsCommand({}));
    return [
      ...own,
      ...Subnets.flatMap(({ SubnetId = "", VpcId = "" }) => (own.includes(VpcId) ? [SubnetId] : [])),
      ...RouteTables.flatMap(({ RouteTableId = "", VpcId = "", Associations = [] }) =>
        own.includes(VpcId) && !Associations.some(({ Main }) => Main === true) ? [RouteTableId] : [],
      ),
      ...InternetGateways.flatMap(({ InternetGatewayId = "", Attachments = [] }) =>
        Attachments.some(({ VpcId = "" }) => !own.includes(VpcId)) ? [] : [InternetGatewayId],
      ),
      ...Topics.map(({ TopicArn = "" }) => TopicArn),
    ];
  }

  test("is taken away, part by part, and nothing else", () =>
    inRegion("eu-central-1", async () => {
      const network = await vpc(ours);
      const gone = [
        network,
        await subnet(network, 0, ours),
        await subnet(network, 1, {}),
        await routeTable(network, ours),
        await gateway(ours, network),
        await gateway(ours),
        await topic(`${name}-alarms-0a1b2c3`, stack),
      ];
      const another = await vpc({ ...ours, "lightchain:stack": "fleet/test" });
      const sibling = await vpc({ ...ours, "lightchain:region": "ireland" });
      const stays = [
        ...[another, sibling, await subnet(another, 0, {}), await routeTable(sibling, {})],
        ...[await gateway({ "lightchain:stack": stack }), await gateway({}), await gateway({}, sibling)],
        ...[await topic(`${name}-alarms-0a1b2c4`, "fleet/test"), await topic(`${name}-alarms`, stack)],
      ];
      expect((await there()).sort()).toEqual([...gone, ...stays].sort());
      const { swept, left } = await sweepShared({ region: "eu-central-1", name, stack });
      expect(left).toEqual([]);
      expect([...swept].sort()).toEqual(gone.sort());
      expect((await there()).sort()).toEqual(stays.sort());
      expect(await sweepShared({ region: "eu-central-1", name, stack: "" })).toEqual({ swept: [], left: [] });
    }));

  test("stays as long as anything uses it: a machine, an address, somebody who is to be told", () =>
    inRegion("eu-west-1", async () => {
      const network = await vpc(ours);
      await subnet(network, 0, ours);
      await gateway(ours, network);
      const told = await topic(`${name}-alarms-0a1b2c3`, stack);
      await sns.send(new SubscribeCommand({ TopicArn: told, Protocol: "email", Endpoint: "me@example.org" }));
      const before = await there();
      front.say = (action) =>
        /^(DeleteSubnet|DetachInternetGateway|DeleteVpc)$/.test(action)
          ? { refusal: "DependencyViolation" }
          : lacking(action);
      expect(await sweepShared({ region: "eu-west-1", name, stack })).toEqual({ swept: [], left: [] });
      expect(await there()).toEqual(before);
      front.say = lacking;
      expect((await sweepShared({ region: "eu-west-1", name, stack })).swept).toHaveLength(3);
      expect(await there()).toEqual([told]);
    }));

  test("with a part that somebody made for himself stays, and only what is ours of it goes", () =>
    inRegion("eu-north-1", async () => {
      const network = await vpc(ours);
      const own = await subnet(network, 0, ours);
      const his = await subnet(network, 1, { Name: "mine" });
      front.say = (action) => (action === "DeleteVpc" ? { refusal: "DependencyViolation" } : lacking(action));
      expect(await sweepShared({ region: "eu-north-1", name, stack })).toEqual({ swept: [own], left: [] });
      expect((await there()).sort()).toEqual([network, his].sort());
    }));

  test("of one network alone is taken away but for what is known, routes and firewall too; the network stays", () =>
    inRegion("eu-west-2", async () => {
      const [network, another] = [await vpc(ours), await vpc(ours)];
      const [known, lost] = [await subnet(network, 0, ours), await subnet(network, 1, ours)];
      const table = await routeTable(network, ours);
      const way = await gateway(ours, network);
      const others = [await subnet(another, 0, ours), await gateway(ours)];
      const associate = async (SubnetId: string): Promise<string> => {
        const made = await ec2.send(new AssociateRouteTableCommand({ SubnetId, RouteTableId: table }));
        return made.AssociationId!;
      };
      const [routed, doubled] = [await associate(known), await associate(lost)];
      const group = { GroupName: `${name}-machine-0a1b2c3`, Description: "no way in", VpcId: network };
      const firewall = (await ec2.send(new CreateSecurityGroupCommand({ ...group, ...tagged("security-group", ours) })))
        .GroupId!;
      const owner = { region: "eu-west-2", name, stack, vpc: network };
      const { swept, left } = await sweepNetwork(owner, [network, known, table, routed]);
      expect(left).toEqual([]);
      expect([...swept].sort()).toEqual([lost, way, doubled, firewall].sort());
      expect((await there()).sort()).toEqual([network, another, known, table, ...others].sort());
      expect((await sweepNetwork(owner, [])).swept).toEqual([routed, known, table]);
      expect((await there()).sort()).toEqual([network, another, ...others].sort());
    }));

  test.each([
    ["DescribeVpcs", "ec2:DescribeVpcs and ec2:DescribeSubnets and ec2:DeleteSubnet"],
    ["DescribeInternetGateways", "ec2:DescribeInternetGateways and ec2:DeleteInternetGateway"],
    ["ListTopics", "sns:ListTopics, sns:ListTagsForResource, sns:ListSubscriptionsByTopic and sns:DeleteTopic"],
  ])("is not looked for without %s, which is said with what has to be allowed", async (action, allowed) => {
    front.say = (asked) => (asked === action ? { refusal: "UnauthorizedOperation" } : undefined);
    const { left } = await sweepShared({ region: "us-east-2", name, stack });
    expect(left.join("\n")).toContain(`allow ${allowed}`);
  });
});

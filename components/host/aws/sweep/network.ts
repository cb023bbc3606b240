import type * as Ec2Module from "@aws-sdk/client-ec2";
import { networkTag } from "../vpc-tag.js";
import { ofEc2 } from "./ec2.js";
import { hasTag, stackTag, type Kind, type KindOf, type Owner, type Tags } from "./kind.js";

/*
 * A network that was made for a region, and its parts. EC2 gives them no names: each is known by two tags, whose stack it is and which of its networks. What is in such a network and has no
 * tag at all goes with it; what somebody tagged otherwise is his, and keeps the network from going.
 */

const isOurs = (tags: Tags, { stack, name }: Owner): boolean =>
  hasTag(tags, stackTag, stack) && hasTag(tags, networkTag, name);

/** AWS looks for what is ours itself. */
const ours = ({ stack, name }: Owner): Ec2Module.Filter[] => [
  { Name: `tag:${stackTag}`, Values: [stack] },
  { Name: `tag:${networkTag}`, Values: [name] },
];

type Asking = readonly [ec2: typeof Ec2Module, client: Ec2Module.EC2Client];

async function vpcsOf(owner: Owner, [ec2, client]: Asking): Promise<string[]> {
  const alone = owner.vpc === undefined ? [] : [{ Name: "vpc-id", Values: [owner.vpc] }];
  const { Vpcs = [] } = await client.send(new ec2.DescribeVpcsCommand({ Filters: [...ours(owner), ...alone] }));
  return Vpcs.map(({ VpcId = "" }) => VpcId);
}

/** A part of a network, as AWS tells of it. */
export interface Part {
  readonly id: string;
  readonly tags: Tags;
}

/** Of what is in a network of ours: what is ours too, and what has no tag. Pure. */
export const goingWith = (owner: Owner, parts: readonly Part[]): string[] =>
  parts.flatMap(({ id, tags }) => (tags.length === 0 || isOurs(tags, owner) ? [id] : []));

/** A kind of what is in networks. @param look the parts that are in these networks; there is one at least */
const partsOf = (
  owner: Owner,
  actions: readonly string[],
  look: (vpcs: string[], asking: Asking) => Promise<readonly Part[]>,
  remove: (id: string, asking: Asking) => Promise<unknown>,
): Kind =>
  ofEc2(owner, ["DescribeVpcs", ...actions], (...asking) => ({
    found: async () => {
      const vpcs = await vpcsOf(owner, asking);
      return vpcs.length === 0 ? [] : goingWith(owner, await look(vpcs, asking));
    },
    remove: (id) => remove(id, asking),
  }));

/** Subnets. AWS keeps one that a machine is in. */
export const subnets: KindOf = (owner) =>
  partsOf(
    owner,
    ["DescribeSubnets", "DeleteSubnet"],
    async (vpcs, [ec2, client]) => {
      const asked = new ec2.DescribeSubnetsCommand({ Filters: [{ Name: "vpc-id", Values: vpcs }] });
      const { Subnets = [] } = await client.send(asked);
      return Subnets.map(({ SubnetId: id = "", Tags: tags = [] }) => ({ id, tags }));
    },
    (SubnetId, [ec2, client]) => client.send(new ec2.DeleteSubnetCommand({ SubnetId })),
  );

/** That a subnet goes by a route table. */
export const associations: KindOf = (owner) =>
  partsOf(
    owner,
    ["DescribeRouteTables", "DisassociateRouteTable"],
    async (vpcs, [ec2, client]) =>
      // they have no tags: one is its table's
      (await routeTablesIn(vpcs, [ec2, client])).flatMap(({ Tags: tags = [], Associations = [] }) =>
        Associations.map(({ RouteTableAssociationId: id = "" }) => ({ id, tags })),
      ),
    (AssociationId, [ec2, client]) => client.send(new ec2.DisassociateRouteTableCommand({ AssociationId })),
  );

/** Of networks, but for the first one of each. */
async function routeTablesIn(vpcs: string[], [ec2, client]: Asking): Promise<Ec2Module.RouteTable[]> {
  const asked = new ec2.DescribeRouteTablesCommand({ Filters: [{ Name: "vpc-id", Values: vpcs }] });
  const { RouteTables = [] } = await client.send(asked);
  return RouteTables.filter(({ Associations = [] }) => !Associations.some(({ Main }) => Main === true));
}

/** Route tables, but for a network's first one, which goes with it. AWS keeps one that a subnet goes by. */
export const routeTables: KindOf = (owner) =>
  partsOf(
    owner,
    ["DescribeRouteTables", "DeleteRouteTable"],
    async (vpcs, asking) =>
      (await routeTablesIn(vpcs, asking)).map(({ RouteTableId: id = "", Tags: tags = [] }) => ({ id, tags })),
    (RouteTableId, [ec2, client]) => client.send(new ec2.DeleteRouteTableCommand({ RouteTableId })),
  );

/** Ways out of a network. AWS keeps one by which a machine has its public address. */
export const gateways: KindOf = (owner) =>
  partsOf(
    owner,
    ["DescribeInternetGateways", "DetachInternetGateway", "DeleteInternetGateway"],
    async (vpcs, [ec2, client]) => {
      const Filters = [{ Name: "attachment.vpc-id", Values: vpcs }];
      const { InternetGateways = [] } = await client.send(new ec2.DescribeInternetGatewaysCommand({ Filters }));
      return InternetGateways.map(({ InternetGatewayId: id = "", Tags: tags = [] }) => ({ id, tags }));
    },
    async (InternetGatewayId, [ec2, client]) => {
      const asked = new ec2.DescribeInternetGatewaysCommand({ InternetGatewayIds: [InternetGatewayId] });
      const [found] = (await client.send(asked)).InternetGateways ?? [];
      for (const { VpcId } of found?.Attachments ?? [])
        await client.send(new ec2.DetachInternetGatewayCommand({ InternetGatewayId, VpcId }));
      await client.send(new ec2.DeleteInternetGatewayCommand({ InternetGatewayId }));
    },
  );

/** Ways out that never came to be a network's: their run was killed before. */
export const looseGateways: KindOf = (owner) =>
  ofEc2(owner, ["DescribeInternetGateways", "DeleteInternetGateway"], (ec2, client) => ({
    found: async () => {
      const asked = new ec2.DescribeInternetGatewaysCommand({ Filters: ours(owner) });
      const { InternetGateways = [] } = await client.send(asked);
      return InternetGateways.flatMap(({ InternetGatewayId = "", Attachments = [] }) =>
        Attachments.length === 0 ? [InternetGatewayId] : [],
      );
    },
    remove: (InternetGatewayId) => client.send(new ec2.DeleteInternetGatewayCommand({ InternetGatewayId })),
  }));

/** The networks themselves. AWS keeps one in which anything is that is not its own. */
export const networks: KindOf = (owner) =>
  ofEc2(owner, ["DescribeVpcs", "DeleteVpc"], (ec2, client) => ({
    found: () => vpcsOf(owner, [ec2, client]),
    remove: (VpcId) => client.send(new ec2.DeleteVpcCommand({ VpcId })),
  }));

import type { EC2 } from "@aws-sdk/client-ec2";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType } from "./aws-type.js";
import { ec2In } from "./clients.js";
import { doing, ifThere, isRefusal, whilePassing } from "./refusals.js";
import { retag, taggedAs, tagsIn, unlisted } from "./tags.js";
import { minutes, settled } from "./waiting.js";

export const ec2Of = ({ region }: Properties): Promise<EC2> => ec2In(String(region));

/** Takes something away that others may still hold on to for a while. What AWS says by `none` to have never been is as good as gone. */
export const letGo = (
  what: string,
  ask: () => Promise<unknown>,
  none: string,
  within: { signal: AbortSignal; forMs: number },
): Promise<unknown> => doing(what, ifThere(whilePassing(ask, isHeld, within), none));

const isHeld = (error: Error): boolean => isRefusal(error, ["DependencyViolation", "InvalidGroup.InUse"]);

/** `aws:ec2/vpc:Vpc` (`ec2/vpc_.go`). */
export const vpc = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["cidrBlock", "enableDnsHostnames", "enableDnsSupport", "instanceTenancy", "tags"],
    computed: [
      ...["arn", "defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "dhcpOptionsId"],
      ...["mainRouteTableId", "ownerId"],
    ],
    replaces: ["cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength", "instanceTenancy"],
    seen: ["enableDnsHostnames", "enableDnsSupport"],
    make: async (given) => {
      const { cidrBlock, instanceTenancy } = given;
      const made = await doing(
        "creating EC2 VPC",
        (await ec2Of(given)).createVpc({
          CidrBlock: String(cidrBlock),
          ...(typeof instanceTenancy === "string" ? { InstanceTenancy: instanceTenancy as "default" } : {}),
          ...taggedAs("vpc", tagsIn(given)),
        }),
      );
      return made.Vpc?.VpcId ?? "";
    },
    finish: async (id, given, { signal }) => {
      const ec2 = await ec2Of(given);
      await settled({
        ...{ what: `EC2 VPC (${id}) create`, wanted: ["available"], passing: ["pending", "gone"], forMs: 10 * minutes },
        ...{ signal, look: async () => ({ state: (await vpcNamed(ec2, id))?.State }) },
      });
      await setDns(ec2, id, { enableDnsSupport: true, enableDnsHostnames: false }, given);
    },
    look: async (id, given) => {
      const ec2 = await ec2Of(given);
      const found = await vpcNamed(ec2, id);
      if (found === undefined) return undefined;
      const Filters = [{ Name: "vpc-id", Values: [id] }];
      const { RouteTables = [] } = await ec2.describeRouteTables({
        Filters: [...Filters, { Name: "association.main", Values: ["true"] }],
      });
      const byDefault = [...Filters, { Name: "default", Values: ["true"] }];
      const { NetworkAcls = [] } = await ec2.describeNetworkAcls({ Filters: byDefault });
      const { SecurityGroups = [] } = await ec2.describeSecurityGroups({
        Filters: [...Filters, { Name: "group-name", Values: ["default"] }],
      });
      const hostnames = await ec2.describeVpcAttribute({ VpcId: id, Attribute: "enableDnsHostnames" });
      const support = await ec2.describeVpcAttribute({ VpcId: id, Attribute: "enableDnsSupport" });
      const { OwnerId = "", DhcpOptionsId } = found;
      const table = RouteTables[0]?.RouteTableId;
      return {
        ...{ arn: `arn:aws:ec2:${String(given["region"])}:${OwnerId}:vpc/${id}`, ownerId: OwnerId },
        ...{ dhcpOptionsId: DhcpOptionsId, tags: unlisted(found.Tags) },
        ...{ mainRouteTableId: table, defaultRouteTableId: table },
        ...{ defaultNetworkAclId: NetworkAcls[0]?.NetworkAclId, defaultSecurityGroupId: SecurityGroups[0]?.GroupId },
        enableDnsHostnames: hostnames.EnableDnsHostnames?.Value ?? false,
        enableDnsSupport: support.EnableDnsSupport?.Value ?? false,
      };
    },
    change: async (id, given, before) => {
      const ec2 = await ec2Of(given);
      await setDns(ec2, id, before, given);
      await retag(ec2, id, tagsIn(before), tagsIn(given));
    },
    remove: async (id, state, { signal }) => {
      const ec2 = await ec2Of(state);
      const within = { signal, forMs: 5 * minutes };
      await letGo(`deleting EC2 VPC (${id})`, () => ec2.deleteVpc({ VpcId: id }), "InvalidVpcID.NotFound", within);
    },
  });

const vpcNamed = async (ec2: EC2, id: string) =>
  (await doing(`reading EC2 VPC (${id})`, ifThere(ec2.describeVpcs({ VpcIds: [id] }), "InvalidVpcID.NotFound")))
    ?.Vpcs?.[0];

/** AWS takes one attribute at a time. */
async function setDns(ec2: EC2, VpcId: string, before: Properties, after: Properties): Promise<void> {
  const want = (properties: Properties) => ({
    support: properties["enableDnsSupport"] !== false,
    hostnames: properties["enableDnsHostnames"] === true,
  });
  const [had, has] = [want(before), want(after)];
  const what = `modifying EC2 VPC (${VpcId})`;
  if (had.support !== has.support)
    await doing(
      `${what} EnableDnsSupport`,
      ec2.modifyVpcAttribute({ VpcId, EnableDnsSupport: { Value: has.support } }),
    );
  if (had.hostnames !== has.hostnames)
    await doing(
      `${what} EnableDnsHostnames`,
      ec2.modifyVpcAttribute({ VpcId, EnableDnsHostnames: { Value: has.hostnames } }),
    );
}

/** `aws:ec2/subnet:Subnet` (`ec2/vpc_subnet.go`). */
export const subnet = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["vpcId", "cidrBlock", "availabilityZone", "mapPublicIpOnLaunch", "tags"],
    computed: ["arn", "availabilityZone", "availabilityZoneId", "cidrBlock", "ownerId"],
    replaces: [
      ...["availabilityZone", "availabilityZoneId", "cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"],
      ...["ipv6IpamPoolId", "ipv6Native", "ipv6NetmaskLength", "outpostArn", "vpcId"],
    ],
    keptWhenLeftOut: ["availabilityZone", "cidrBlock"],
    seen: ["mapPublicIpOnLaunch"],
    make: async (given) => {
      const { vpcId, cidrBlock, availabilityZone } = given;
      const made = await doing(
        "creating EC2 Subnet",
        (await ec2Of(given)).createSubnet({
          VpcId: String(vpcId),
          ...(typeof cidrBlock === "string" ? { CidrBlock: cidrBlock } : {}),
          ...(typeof availabilityZone === "string" ? { AvailabilityZone: availabilityZone } : {}),
          ...taggedAs("subnet", tagsIn(given)),
        }),
      );
      return made.Subnet?.SubnetId ?? "";
    },
    finish: async (id, given, { signal }) => {
      const ec2 = await ec2Of(given);
      await settled({
        ...{ what: `EC2 Subnet (${id}) create`, wanted: ["available"], passing: ["pending", "gone"] },
        ...{ forMs: 10 * minutes, signal, look: async () => ({ state: (await subnetNamed(ec2, id))?.State }) },
      });
      await mapPublicIp(ec2, id, {}, given);
    },
    look: async (id, given) => {
      const found = await subnetNamed(await ec2Of(given), id);
      if (found === undefined) return undefined;
      return {
        ...{ arn: found.SubnetArn, ownerId: found.OwnerId, cidrBlock: found.CidrBlock, tags: unlisted(found.Tags) },
        ...{ availabilityZone: found.AvailabilityZone, availabilityZoneId: found.AvailabilityZoneId },
        mapPublicIpOnLaunch: found.MapPublicIpOnLaunch ?? false,
      };
    },
    change: async (id, given, before) => {
      const ec2 = await ec2Of(given);
      await mapPublicIp(ec2, id, before, given);
      await retag(ec2, id, tagsIn(before), tagsIn(given));
    },
    remove: async (id, state, { signal }) => {
      const ec2 = await ec2Of(state);
      const within = { signal, forMs: 20 * minutes };
      const ask = () => ec2.deleteSubnet({ SubnetId: id });
      await letGo(`deleting EC2 Subnet (${id})`, ask, "InvalidSubnetID.NotFound", within);
    },
  });

const subnetNamed = async (ec2: EC2, id: string) => {
  const asked = ec2.describeSubnets({ SubnetIds: [id] });
  return (await doing(`reading EC2 Subnet (${id})`, ifThere(asked, "InvalidSubnetID.NotFound")))?.Subnets?.[0];
};

async function mapPublicIp(ec2: EC2, SubnetId: string, before: Properties, after: Properties): Promise<void> {
  const Value = after["mapPublicIpOnLaunch"] === true;
  if (Value === (before["mapPublicIpOnLaunch"] === true)) return;
  await doing(
    `modifying EC2 Subnet (${SubnetId}) MapPublicIpOnLaunch`,
    ec2.modifySubnetAttribute({ SubnetId, MapPublicIpOnLaunch: { Value } }),
  );
}

/** `aws:ec2/internetGateway:InternetGateway` (`ec2/vpc_internet_gateway.go`): it may be moved from one network to another. */
export const internetGateway = (inputs: ObjectShape) => {
  const attach = (ec2: EC2, InternetGatewayId: string, VpcId: string) =>
    doing(
      `attaching EC2 Internet Gateway (${InternetGatewayId}) to EC2 VPC (${VpcId})`,
      ec2.attachInternetGateway({ InternetGatewayId, VpcId }),
    );
  const detach = (ec2: EC2, InternetGatewayId: string, VpcId: string, signal: AbortSignal) =>
    letGo(
      `detaching EC2 Internet Gateway (${InternetGatewayId}) from EC2 VPC (${VpcId})`,
      () => ifThere(ec2.detachInternetGateway({ InternetGatewayId, VpcId }), "Gateway.NotAttached"),
      "InvalidInternetGatewayID.NotFound",
      { signal, forMs: 20 * minutes },
    );
  return awsType(inputs, {
    done: ["vpcId", "tags"],
    computed: ["arn", "ownerId"],
    replaces: [],
    keptWhenLeftOut: ["vpcId"],
    make: async (given) => {
      const asked = (await ec2Of(given)).createInternetGateway(taggedAs("internet-gateway", tagsIn(given)));
      return (await doing("creating EC2 Internet Gateway", asked)).InternetGateway?.InternetGatewayId ?? "";
    },
    finish: async (id, given) => {
      if (typeof given["vpcId"] === "string") await attach(await ec2Of(given), id, given["vpcId"]);
    },
    look: async (id, given) => {
      const asked = (await ec2Of(given)).describeInternetGateways({ InternetGatewayIds: [id] });
      const answer = await doing(
        `reading EC2 Internet Gateway (${id})`,
        ifThere(asked, "InvalidInternetGatewayID.NotFound"),
      );
      const found = answer?.InternetGateways?.[0];
      if (found === undefined) return undefined;
      const { OwnerId = "", Tags } = found;
      const arn = `arn:aws:ec2:${String(given["region"])}:${OwnerId}:internet-gateway/${id}`;
      return { arn, ownerId: OwnerId, tags: unlisted(Tags) };
    },
    change: async (id, given, before, { signal }) => {
      const ec2 = await ec2Of(given);
      const [from, to] = [before["vpcId"], given["vpcId"] ?? before["vpcId"]];
      if (from !== to) {
        if (typeof from === "string") await detach(ec2, id, from, signal);
        if (typeof to === "string") await attach(ec2, id, to);
      }
      await retag(ec2, id, tagsIn(before), tagsIn(given));
    },
    remove: async (id, state, { signal }) => {
      const ec2 = await ec2Of(state);
      if (typeof state["vpcId"] === "string") await detach(ec2, id, state["vpcId"], signal);
      const ask = () => ec2.deleteInternetGateway({ InternetGatewayId: id });
      const within = { signal, forMs: 10 * minutes };
      await letGo(`deleting EC2 Internet Gateway (${id})`, ask, "InvalidInternetGatewayID.NotFound", within);
    },
  });
};

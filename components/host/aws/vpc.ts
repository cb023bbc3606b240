import { InternetGateway } from "@pulumi/aws/ec2/internetGateway";
import { RouteTable } from "@pulumi/aws/ec2/routeTable";
import { RouteTableAssociation } from "@pulumi/aws/ec2/routeTableAssociation";
import { Subnet } from "@pulumi/aws/ec2/subnet";
import { Vpc as AwsVpc } from "@pulumi/aws/ec2/vpc";
import * as pulumi from "@pulumi/pulumi";
import { Remnants } from "./remnants.js";
import { networkTag } from "./vpc-tag.js";

/** A network that is made for a region's machines. */
export interface VpcArgs {
  /** Zones to have a subnet in. */
  readonly zones: readonly string[];
  /** Second byte of its addresses, `10.<block>.0.0/16`: matters only where networks are joined. Default 77. */
  readonly block?: number;
}

/** The second byte's sixteenths by a zone's letter, so that a zone that is added changes no other. Pure. */
export const subnetRange = (block: number, zone: string): string =>
  `10.${block}.${((zone.charCodeAt(zone.length - 1) - "a".charCodeAt(0)) % 16) * 16}.0/20`;

/** A network of our own: a subnet a zone, with a way out and none in. */
export class Vpc {
  readonly id: pulumi.Output<string>;
  /** The subnet of each zone. */
  readonly subnets: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(
    name: string,
    {
      zones,
      block = 77,
      region,
      tags: shared,
    }: VpcArgs & { region: string; tags: pulumi.Input<Record<string, string>> },
    opts: pulumi.CustomResourceOptions,
  ) {
    const tags = pulumi.output(shared).apply((all) => ({ ...all, [networkTag]: name }));
    const vpc = new AwsVpc(name, { region, cidrBlock: `10.${block}.0.0/16`, enableDnsHostnames: true, tags }, opts);
    const remnants = new Remnants(`${name}-network`, { region, name, tags: shared, vpc: vpc.id }, opts);
    const inIt = { ...opts, dependsOn: [remnants] }; // goes before what else is in it, which keeps the network from going
    const gateway = new InternetGateway(name, { region, vpcId: vpc.id, tags }, inIt);
    const routes = new RouteTable(
      name,
      { region, vpcId: vpc.id, routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }], tags },
      inIt,
    );
    this.id = pulumi.all([vpc.id, remnants.id]).apply(([id]) => id);
    this.subnets = Object.fromEntries(
      zones.map((zone) => {
        const subnet = new Subnet(
          `${name}-${zone}`,
          {
            ...{ region, vpcId: vpc.id, availabilityZone: zone, cidrBlock: subnetRange(block, zone), tags },
            mapPublicIpOnLaunch: true, // its way out: nothing comes in by it
          },
          inIt,
        );
        const routed = new RouteTableAssociation(
          `${name}-${zone}`,
          { region, subnetId: subnet.id, routeTableId: routes.id },
          inIt,
        );
        return [zone, routed.subnetId.apply((id) => id ?? "")];
      }),
    );
  }
}

import { InternetGateway } from "@pulumi/aws/ec2/internetGateway";
import { RouteTable } from "@pulumi/aws/ec2/routeTable";
import { RouteTableAssociation } from "@pulumi/aws/ec2/routeTableAssociation";
import { Subnet } from "@pulumi/aws/ec2/subnet";
import { Vpc as AwsVpc } from "@pulumi/aws/ec2/vpc";
import type * as pulumi from "@pulumi/pulumi";

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
    { zones, block = 77, region, tags }: VpcArgs & { region: string; tags: pulumi.Input<Record<string, string>> },
    opts: pulumi.CustomResourceOptions,
  ) {
    const vpc = new AwsVpc(name, { region, cidrBlock: `10.${block}.0.0/16`, enableDnsHostnames: true, tags }, opts);
    const gateway = new InternetGateway(name, { region, vpcId: vpc.id, tags }, opts);
    const routes = new RouteTable(
      name,
      { region, vpcId: vpc.id, routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }], tags },
      opts,
    );
    this.id = vpc.id;
    this.subnets = Object.fromEntries(
      zones.map((zone) => {
        const subnet = new Subnet(
          `${name}-${zone}`,
          {
            ...{ region, vpcId: vpc.id, availabilityZone: zone, cidrBlock: subnetRange(block, zone), tags },
            mapPublicIpOnLaunch: true, // its way out: nothing comes in by it
          },
          opts,
        );
        const routed = new RouteTableAssociation(
          `${name}-${zone}`,
          { region, subnetId: subnet.id, routeTableId: routes.id },
          opts,
        );
        return [zone, routed.subnetId.apply((id) => id ?? "")];
      }),
    );
  }
}

import type { EC2 } from "@aws-sdk/client-ec2";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType } from "./aws-type.js";
import { doing, ifThere } from "./refusals.js";
import { retag, taggedAs, tagsIn, unlisted } from "./tags.js";
import { minutes } from "./waiting.js";
import { ec2Of, letGo } from "./vpc.js";

/** A route as a program has it, as far as it is done: to a network by a gateway. */
interface Route {
  readonly cidrBlock?: string;
  readonly ipv6CidrBlock?: string;
  readonly gatewayId?: string;
}

const none = "InvalidRouteTableID.NotFound";

const routesIn = (properties: Properties): Route[] => (properties["routes"] ?? []) as Route[];
const destination = ({ cidrBlock = "", ipv6CidrBlock = "" }: Route) =>
  cidrBlock === "" ? { DestinationIpv6CidrBlock: ipv6CidrBlock } : { DestinationCidrBlock: cidrBlock };
const target = ({ gatewayId = "" }: Route) => ({ GatewayId: gatewayId });
const isTo = (one: Route) => (other: Route) =>
  (one.cidrBlock ?? "") === (other.cidrBlock ?? "") && (one.ipv6CidrBlock ?? "") === (other.ipv6CidrBlock ?? "");

/** `aws:ec2/routeTable:RouteTable` (`ec2/vpc_route_table.go`), with its routes in it. */
export const routeTable = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["vpcId", "routes.cidrBlock", "routes.ipv6CidrBlock", "routes.gatewayId", "tags"],
    computed: ["arn", "ownerId", "routes"],
    replaces: ["vpcId"],
    keptWhenLeftOut: ["routes"],
    seen: ["routes"],
    sets: ["routes"],
    make: async (given) => {
      const asked = (await ec2Of(given)).createRouteTable({
        ...{ VpcId: String(given["vpcId"]), ...taggedAs("route-table", tagsIn(given)) },
      });
      return (await doing("creating EC2 Route Table", asked)).RouteTable?.RouteTableId ?? "";
    },
    finish: async (id, given) => setRoutes(await ec2Of(given), id, [], routesIn(given)),
    look: async (id, given) => {
      const found = await tableNamed(await ec2Of(given), id);
      if (found === undefined) return undefined;
      const { OwnerId = "", Tags } = found;
      const ours = (found.Routes ?? []).filter(({ Origin }) => Origin === "CreateRoute");
      const routes = ours.map(({ DestinationCidrBlock, DestinationIpv6CidrBlock, GatewayId }) => ({
        ...(DestinationCidrBlock === undefined ? {} : { cidrBlock: DestinationCidrBlock }),
        ...(DestinationIpv6CidrBlock === undefined ? {} : { ipv6CidrBlock: DestinationIpv6CidrBlock }),
        ...(GatewayId === undefined ? {} : { gatewayId: GatewayId }),
      }));
      const arn = `arn:aws:ec2:${String(given["region"])}:${OwnerId}:route-table/${id}`;
      return { arn, ownerId: OwnerId, routes, tags: unlisted(Tags) };
    },
    change: async (id, given, before) => {
      const ec2 = await ec2Of(given);
      if (given["routes"] !== undefined) await setRoutes(ec2, id, routesIn(before), routesIn(given));
      await retag(ec2, id, tagsIn(before), tagsIn(given));
    },
    remove: async (id, state, { signal }) => {
      const ec2 = await ec2Of(state);
      for (const { RouteTableAssociationId = "" } of (await tableNamed(ec2, id))?.Associations ?? [])
        await disassociate(ec2, RouteTableAssociationId);
      const ask = () => ec2.deleteRouteTable({ RouteTableId: id });
      await letGo(`deleting EC2 Route Table (${id})`, ask, none, { signal, forMs: 5 * minutes });
    },
  });

const tableNamed = async (ec2: EC2, id: string) => {
  const asked = ec2.describeRouteTables({ RouteTableIds: [id] });
  return (await doing(`reading EC2 Route Table (${id})`, ifThere(asked, none)))?.RouteTables?.[0];
};

async function setRoutes(ec2: EC2, RouteTableId: string, before: Route[], after: Route[]): Promise<void> {
  const what = `Route in EC2 Route Table (${RouteTableId})`;
  for (const route of before)
    if (!after.some(isTo(route)))
      await doing(
        `deleting ${what}`,
        ifThere(ec2.deleteRoute({ RouteTableId, ...destination(route) }), "InvalidRoute.NotFound"),
      );
  for (const route of after) {
    const former = before.find(isTo(route));
    const asked = { RouteTableId, ...destination(route), ...target(route) };
    if (former === undefined) await doing(`creating ${what}`, ec2.createRoute(asked));
    else if (former.gatewayId !== route.gatewayId) await doing(`updating ${what}`, ec2.replaceRoute(asked));
  }
}

const disassociate = (ec2: EC2, AssociationId: string): Promise<unknown> =>
  doing(
    `deleting EC2 Route Table Association (${AssociationId})`,
    ifThere(ec2.disassociateRouteTable({ AssociationId }), "InvalidAssociationID.NotFound"),
  );

/**
 * `aws:ec2/routeTableAssociation:RouteTableAssociation` (`ec2/vpc_route_table_association.go`). Another table gives it another id in AWS, which the engine cannot learn
 * from an update: it goes by the subnet.
 */
export const routeTableAssociation = (inputs: ObjectShape) => {
  const find = async (ec2: EC2, { subnetId, routeTableId }: Properties) => {
    const table = await tableNamed(ec2, String(routeTableId));
    return table?.Associations?.find(({ SubnetId }) => SubnetId === subnetId);
  };
  return awsType(inputs, {
    done: ["subnetId", "routeTableId"],
    computed: [],
    replaces: ["gatewayId", "subnetId"],
    make: async (given) => {
      const { subnetId, routeTableId } = given;
      const asked = (await ec2Of(given)).associateRouteTable({
        ...{ SubnetId: String(subnetId), RouteTableId: String(routeTableId) },
      });
      return (await doing("creating EC2 Route Table Association", asked)).AssociationId ?? "";
    },
    look: async (_, given) => ((await find(await ec2Of(given), given)) === undefined ? undefined : {}),
    change: async (id, given, before) => {
      if (given["routeTableId"] === before["routeTableId"]) return;
      const ec2 = await ec2Of(given);
      const AssociationId = (await find(ec2, before))?.RouteTableAssociationId ?? id;
      const RouteTableId = String(given["routeTableId"]);
      await doing(
        `updating EC2 Route Table Association (${id})`,
        ec2.replaceRouteTableAssociation({ AssociationId, RouteTableId }),
      );
    },
    remove: async (_, state) => {
      const ec2 = await ec2Of(state);
      const there = await find(ec2, state);
      if (there?.RouteTableAssociationId !== undefined) await disassociate(ec2, there.RouteTableAssociationId);
    },
  });
};

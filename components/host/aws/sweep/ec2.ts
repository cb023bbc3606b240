import type * as Ec2Module from "@aws-sdk/client-ec2";
import { hasTag, isNamed, load, settings, stackTag, type Kind, type KindOf, type Owner } from "./kind.js";

/** A kind of EC2's: what its calls have in common. @param actions without the service */
export function ofEc2(
  { region }: Pick<Owner, "region">,
  actions: readonly string[],
  of: (ec2: typeof Ec2Module, client: Ec2Module.EC2Client) => Pick<Kind, "found" | "remove">,
): Kind {
  const ec2 = load("@aws-sdk/client-ec2") as typeof Ec2Module;
  const client = new ec2.EC2Client(settings(region));
  return { client, action: actions.map((action) => `ec2:${action}`).join(" and "), ...of(ec2, client) };
}

/** What was reserved for a machine. */
export const reservations: KindOf = (owner) =>
  ofEc2(owner, ["DescribeCapacityReservations", "CancelCapacityReservation"], (ec2, client) => ({
    found: async () => {
      const active = { Name: "state", Values: ["active"] };
      const asked = new ec2.DescribeCapacityReservationsCommand({ Filters: [active] });
      const { CapacityReservations = [] } = await client.send(asked);
      return CapacityReservations.flatMap(({ CapacityReservationId = "", Tags = [] }) =>
        hasTag(Tags, stackTag, owner.stack) ? [CapacityReservationId] : [],
      );
    },
    remove: (CapacityReservationId) => client.send(new ec2.CancelCapacityReservationCommand({ CapacityReservationId })),
  }));

/** Security groups. */
export const firewalls: KindOf = (owner) =>
  ofEc2(owner, ["DescribeSecurityGroups", "DeleteSecurityGroup"], (ec2, client) => ({
    found: async () => {
      const { SecurityGroups = [] } = await client.send(
        new ec2.DescribeSecurityGroupsCommand({ Filters: [{ Name: "tag-key", Values: [stackTag] }] }),
      );
      return SecurityGroups.filter(({ VpcId }) => owner.vpc === undefined || VpcId === owner.vpc).flatMap(
        ({ GroupId = "", GroupName = "", Tags = [] }) =>
          isNamed(GroupName, [`${owner.name}-machine`]) && hasTag(Tags, stackTag, owner.stack) ? [GroupId] : [],
      );
    },
    remove: (GroupId) => client.send(new ec2.DeleteSecurityGroupCommand({ GroupId })),
  }));

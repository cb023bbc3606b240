import type { EC2, IpPermission, SecurityGroup } from "@aws-sdk/client-ec2";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType, keyOf, named } from "./aws-type.js";
import { doing, ifThere, isRefusal } from "./refusals.js";
import { retag, taggedAs, tagsIn, unlisted } from "./tags.js";
import { minutes, settled } from "./waiting.js";
import { ec2Of, letGo } from "./vpc.js";

/** A rule as a program has it: one protocol and span of ports, for networks and groups. */
interface Rule {
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidrBlocks?: readonly string[];
  readonly ipv6CidrBlocks?: readonly string[];
  readonly securityGroups?: readonly string[];
  readonly self?: boolean;
  readonly description?: string;
}

const none = "InvalidGroup.NotFound";
const ways = ["ingress", "egress"] as const;
type Way = (typeof ways)[number];

/** `aws:ec2/securityGroup:SecurityGroup` (`ec2/vpc_security_group.go`), with its rules in it: nothing goes out that no rule lets out. */
export const securityGroup = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["name", "description", "vpcId", "tags", ...ways.flatMap((way) => ruleParts.map((part) => `${way}.${part}`))],
    computed: ["arn", "egress", "ingress", "ownerId", "vpcId"],
    replaces: ["description", "name", "namePrefix", "vpcId"],
    keptWhenLeftOut: ["egress", "ingress", "vpcId"],
    seen: ["egress", "ingress"],
    sets: ["egress", "ingress"],
    autoName: named,
    defaults: { description: "Managed by Pulumi" },
    make: async (given) => {
      const { name, description, vpcId } = given;
      const made = await doing(
        `creating Security Group (${String(name)})`,
        (await ec2Of(given)).createSecurityGroup({
          ...{ GroupName: String(name), Description: String(description) },
          ...(typeof vpcId === "string" ? { VpcId: vpcId } : {}),
          ...taggedAs("security-group", tagsIn(given)),
        }),
      );
      return made.GroupId ?? "";
    },
    finish: async (id, given, { signal }) => {
      const ec2 = await ec2Of(given);
      const state = async () => ((await groupNamed(ec2, id)) === undefined ? "gone" : "there");
      await settled({
        ...{ what: `Security Group (${id}) create`, wanted: ["there"], forMs: 10 * minutes, signal },
        look: async () => ({ state: await state() }),
      });
      await revokeDefault(ec2, id);
      for (const way of ways) await setRules(ec2, id, way, [], rulesIn(given, way));
    },
    look: async (id, given) => {
      const found = await groupNamed(await ec2Of(given), id);
      if (found === undefined) return undefined;
      const { OwnerId = "", VpcId, GroupName, Description, Tags } = found;
      return {
        ...{ arn: `arn:aws:ec2:${String(given["region"])}:${OwnerId}:security-group/${id}`, ownerId: OwnerId },
        ...{ vpcId: VpcId, name: GroupName, description: Description, tags: unlisted(Tags) },
        ingress: rulesThere(id, given, "ingress", found),
        egress: rulesThere(id, given, "egress", found),
      };
    },
    change: async (id, given, before) => {
      const ec2 = await ec2Of(given);
      for (const way of ways)
        if (given[way] !== undefined) await setRules(ec2, id, way, rulesIn(before, way), rulesIn(given, way));
      await retag(ec2, id, tagsIn(before), tagsIn(given));
    },
    remove: async (id, state, { signal }) => {
      const ec2 = await ec2Of(state);
      const within = { signal, forMs: 15 * minutes };
      await letGo(`deleting Security Group (${id})`, () => ec2.deleteSecurityGroup({ GroupId: id }), none, within);
    },
  });

const ruleParts = [
  ...["protocol", "fromPort", "toPort", "cidrBlocks", "ipv6CidrBlocks", "securityGroups", "self", "description"],
];

const rulesIn = (properties: Properties, way: Way): Rule[] => (properties[way] ?? []) as Rule[];

const groupNamed = async (ec2: EC2, id: string): Promise<SecurityGroup | undefined> => {
  const asked = ec2.describeSecurityGroups({ GroupIds: [id] });
  return (await doing(`reading Security Group (${id})`, ifThere(asked, none)))?.SecurityGroups?.[0];
};

/** AWS gives each group a rule that lets everything out. */
async function revokeDefault(ec2: EC2, GroupId: string): Promise<void> {
  const all = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  await doing(
    `revoking default IPv4 egress rule for Security Group (${GroupId})`,
    ifThere(ec2.revokeSecurityGroupEgress({ GroupId, IpPermissions: [all] }), "InvalidPermission.NotFound"),
  );
  const six = { IpProtocol: "-1", Ipv6Ranges: [{ CidrIpv6: "::/0" }] };
  try {
    await ec2.revokeSecurityGroupEgress({ GroupId, IpPermissions: [six] });
  } catch (error) {
    // there is one only where there is IPv6
    if (!isRefusal(error, ["InvalidPermission.NotFound", "InvalidParameterValue"])) throw error;
  }
}

async function setRules(ec2: EC2, GroupId: string, way: Way, before: Rule[], after: Rule[]): Promise<void> {
  const has = (rules: Rule[], rule: Rule): boolean => rules.some((one) => keyOf(full(one)) === keyOf(full(rule)));
  const off = before.filter((rule) => !has(after, rule)).map((rule) => permission(GroupId, rule));
  const on = after.filter((rule) => !has(before, rule)).map((rule) => permission(GroupId, rule));
  const what = `updating Security Group (${GroupId}) ${way} rules`;
  if (off.length > 0) {
    const asked = { GroupId, IpPermissions: off };
    const revoked = way === "ingress" ? ec2.revokeSecurityGroupIngress(asked) : ec2.revokeSecurityGroupEgress(asked);
    await doing(what, ifThere(revoked, "InvalidPermission.NotFound"));
  }
  if (on.length > 0) {
    const asked = { GroupId, IpPermissions: on };
    await doing(
      what,
      way === "ingress" ? ec2.authorizeSecurityGroupIngress(asked) : ec2.authorizeSecurityGroupEgress(asked),
    );
  }
}

function permission(id: string, rule: Rule): IpPermission {
  const { protocol, fromPort, toPort, cidrBlocks, ipv6CidrBlocks, securityGroups, self, description } = full(rule);
  const about = description === "" ? {} : { Description: description };
  const groups = [...securityGroups, ...(self ? [id] : [])];
  return {
    IpProtocol: protocol,
    ...(protocol === "-1" ? {} : { FromPort: fromPort, ToPort: toPort }),
    ...(cidrBlocks.length === 0 ? {} : { IpRanges: cidrBlocks.map((CidrIp) => ({ CidrIp, ...about })) }),
    ...(ipv6CidrBlocks.length === 0 ? {} : { Ipv6Ranges: ipv6CidrBlocks.map((CidrIpv6) => ({ CidrIpv6, ...about })) }),
    ...(groups.length === 0 ? {} : { UserIdGroupPairs: groups.map((GroupId) => ({ GroupId, ...about })) }),
  };
}

/** A rule with all that it may leave out; `all` is `-1`, as AWS has it. */
const full = (rule: Rule): Required<Rule> => ({
  ...{ cidrBlocks: [], ipv6CidrBlocks: [], securityGroups: [], self: false, description: "" },
  ...rule,
  protocol: rule.protocol === "all" ? "-1" : rule.protocol.toLowerCase(),
});

/** The program's own words as long as the rules there mean the same, which AWS groups and orders in its own way; else what is there, a rule for each source. */
function rulesThere(id: string, given: Properties, way: Way, found: SecurityGroup): unknown {
  const there = (way === "ingress" ? found.IpPermissions : found.IpPermissionsEgress) ?? [];
  const wanted = rulesIn(given, way);
  const [ours, theirs] = [wanted.map((rule) => permission(id, rule)), there];
  if (keyOf(sources(ours)) === keyOf(sources(theirs))) return wanted;
  return sources(theirs).map(({ what, from, description, ...span }) => {
    const source = { ipv4: "cidrBlocks", ipv6: "ipv6CidrBlocks", group: "securityGroups" }[what];
    const place = from === id ? { self: true } : { [source]: [from] };
    return { ...span, ...place, ...(description === "" ? {} : { description }) };
  });
}

interface Source {
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly what: "ipv4" | "ipv6" | "group";
  readonly from: string;
  readonly description: string;
}

/** One entry for each network or group that is let through, in an order of our own. */
const sources = (permissions: readonly IpPermission[]): Source[] =>
  permissions
    .flatMap(({ IpProtocol = "-1", FromPort = 0, ToPort = 0, IpRanges, Ipv6Ranges, UserIdGroupPairs }) => {
      const every = IpProtocol === "-1" ? { fromPort: 0, toPort: 0 } : { fromPort: FromPort, toPort: ToPort };
      const span = { protocol: IpProtocol, ...every };
      return [
        ...(IpRanges ?? []).map(({ CidrIp = "", Description = "" }) => ({
          ...{ ...span, what: "ipv4" as const, from: CidrIp, description: Description },
        })),
        ...(Ipv6Ranges ?? []).map(({ CidrIpv6 = "", Description = "" }) => ({
          ...{ ...span, what: "ipv6" as const, from: CidrIpv6, description: Description },
        })),
        ...(UserIdGroupPairs ?? []).map(({ GroupId = "", Description = "" }) => ({
          ...{ ...span, what: "group" as const, from: GroupId, description: Description },
        })),
      ];
    })
    .sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));

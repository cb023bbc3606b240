import { createRequire } from "node:module";
import type * as Ec2Module from "@aws-sdk/client-ec2";
import type * as IamModule from "@aws-sdk/client-iam";
import type * as S3Module from "@aws-sdk/client-s3";
import { refusalOf } from "../ssm/refusal.js";
import { budgets, logGroups } from "./sweep/told.js";

/*
 * What a region's machines share, as AWS has it once the stack has nothing of it any more. Each is deleted by a call that AWS refuses where the thing is used by anything:
 * a role with rights, a profile with a role, a firewall with machines, a bucket with objects stay. And what was reserved for a machine that never came; one that did goes on without.
 */

const load = createRequire(__filename); // by whoever has such a region, and by nobody else
const settings = (region: string) => ({ region, retryMode: "adaptive", maxAttempts: 6 }) as const;

/** What was taken away, and what could not be looked for. */
export interface Swept {
  readonly swept: readonly string[];
  readonly left: readonly string[];
}

/** What AWS says of a thing that is used, or gone meanwhile. */
const stays = /DeleteConflict|DependencyViolation|BucketNotEmpty|NotFound|NoSuch/;

/** Whether Pulumi made this name of ours: `<ours>-<7 hex>`. Pure. */
export const isNamed = (name: string, ours: readonly string[]): boolean =>
  ours.some((one) => name.startsWith(`${one}-`) && /^[0-9a-f]{7}$/.test(name.slice(one.length + 1)));

type Tags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

/** What a region tells beside what its machines need: whoever has none of it may lack the rights to look for it. */
export interface Tells {
  readonly logs: boolean;
  readonly budget: boolean;
}

/** @param name what the shared things' names begin with @param stack the value of their tag */
export async function sweepShared(region: string, name: string, stack: string, tells: Tells): Promise<Swept> {
  const isOurs = (tags: Tags): boolean => tags.some(({ Key, Value }) => Key === "lightchain:stack" && Value === stack);
  const [swept, left]: [string[], string[]] = [[], []];
  if (stack === "") return { swept, left }; // what has no stack is nobody's to take away
  const kinds = [reservations, profiles, roles, firewalls, buckets];
  if (tells.logs) kinds.push(() => logGroups({ region, name, stack }));
  if (tells.budget) kinds.push(() => budgets({ region, name, stack }));
  for (const kind of kinds) {
    const { action, client, found, remove } = kind(region, name, isOurs);
    try {
      for (const one of await found()) if (await removed(() => remove(one))) swept.push(one);
    } catch (error) {
      left.push((refusalOf(error, action, region) ?? (error as Error)).message);
    } finally {
      client.destroy();
    }
  }
  return { swept, left };
}

async function removed(remove: () => Promise<unknown>): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (error instanceof Error && stays.test(error.name)) return false;
    throw error;
  }
}

/** One kind of thing: how it is found, and how it goes. */
interface Kind {
  /** What has to be allowed. */
  readonly action: string;
  readonly client: { destroy(): void };
  readonly found: () => Promise<string[]>;
  readonly remove: (id: string) => Promise<unknown>;
}
type KindIn = (region: string, name: string, isOurs: (tags: Tags) => boolean) => Kind;

const reservations: KindIn = (region, _, isOurs) => {
  const ec2 = load("@aws-sdk/client-ec2") as typeof Ec2Module;
  const client = new ec2.EC2Client(settings(region));
  return {
    client,
    action: "ec2:DescribeCapacityReservations and ec2:CancelCapacityReservation",
    found: async () => {
      const active = { Name: "state", Values: ["active"] };
      const asked = new ec2.DescribeCapacityReservationsCommand({ Filters: [active] });
      const { CapacityReservations = [] } = await client.send(asked);
      return CapacityReservations.flatMap(({ CapacityReservationId = "", Tags = [] }) =>
        isOurs(Tags) ? [CapacityReservationId] : [],
      );
    },
    remove: (CapacityReservationId) => client.send(new ec2.CancelCapacityReservationCommand({ CapacityReservationId })),
  };
};

const profiles: KindIn = (region, name, isOurs) => {
  const iam = load("@aws-sdk/client-iam") as typeof IamModule;
  const client = new iam.IAMClient(settings(region));
  return {
    client,
    action: "iam:ListInstanceProfiles, iam:GetInstanceProfile and iam:DeleteInstanceProfile",
    found: async () => {
      const found: string[] = [];
      for await (const { InstanceProfiles = [] } of iam.paginateListInstanceProfiles({ client }, {}))
        for (const { InstanceProfileName = "" } of InstanceProfiles) {
          if (!isNamed(InstanceProfileName, [`${name}-machine`])) continue;
          const asked = new iam.GetInstanceProfileCommand({ InstanceProfileName }); // a list has no tags
          if (isOurs((await client.send(asked)).InstanceProfile?.Tags ?? [])) found.push(InstanceProfileName);
        }
      return found;
    },
    remove: (InstanceProfileName) => client.send(new iam.DeleteInstanceProfileCommand({ InstanceProfileName })),
  };
};

const roles: KindIn = (region, name, isOurs) => {
  const iam = load("@aws-sdk/client-iam") as typeof IamModule;
  const client = new iam.IAMClient(settings(region));
  return {
    client,
    action: "iam:ListRoles, iam:ListRoleTags and iam:DeleteRole",
    found: async () => {
      const found: string[] = [];
      for await (const { Roles = [] } of iam.paginateListRoles({ client }, {}))
        for (const { RoleName = "" } of Roles) {
          if (!isNamed(RoleName, [`${name}-machine`, `${name}-return`])) continue;
          const { Tags = [] } = await client.send(new iam.ListRoleTagsCommand({ RoleName }));
          if (isOurs(Tags)) found.push(RoleName);
        }
      return found;
    },
    remove: (RoleName) => client.send(new iam.DeleteRoleCommand({ RoleName })),
  };
};

const firewalls: KindIn = (region, name, isOurs) => {
  const ec2 = load("@aws-sdk/client-ec2") as typeof Ec2Module;
  const client = new ec2.EC2Client(settings(region));
  return {
    client,
    action: "ec2:DescribeSecurityGroups and ec2:DeleteSecurityGroup",
    found: async () => {
      const { SecurityGroups = [] } = await client.send(
        new ec2.DescribeSecurityGroupsCommand({ Filters: [{ Name: "tag-key", Values: ["lightchain:stack"] }] }),
      );
      return SecurityGroups.flatMap(({ GroupId = "", GroupName = "", Tags = [] }) =>
        isNamed(GroupName, [`${name}-machine`]) && isOurs(Tags) ? [GroupId] : [],
      );
    },
    remove: (GroupId) => client.send(new ec2.DeleteSecurityGroupCommand({ GroupId })),
  };
};

/** Of a run that was killed right after a bucket's making, it has no tags yet. */
const buckets: KindIn = (region, name, isOurs) => {
  const s3 = load("@aws-sdk/client-s3") as typeof S3Module;
  const client = new s3.S3Client(settings(region));
  const tagsOf = async (Bucket: string): Promise<Tags> => {
    try {
      return (await client.send(new s3.GetBucketTaggingCommand({ Bucket }))).TagSet ?? [];
    } catch (error) {
      if (error instanceof Error && error.name === "NoSuchTagSet") return [];
      throw error;
    }
  };
  return {
    client,
    action: "s3:ListAllMyBuckets, s3:GetBucketTagging and s3:DeleteBucket",
    found: async () => {
      const { Buckets = [] } = await client.send(
        new s3.ListBucketsCommand({ Prefix: `${name}-bundles-`, BucketRegion: region }),
      );
      const found: string[] = [];
      for (const { Name = "" } of Buckets) {
        if (!isNamed(Name, [`${name}-bundles`])) continue;
        const tags = await tagsOf(Name);
        if (tags.length === 0 || isOurs(tags)) found.push(Name);
      }
      return found;
    },
    remove: (Bucket) => client.send(new s3.DeleteBucketCommand({ Bucket })),
  };
};

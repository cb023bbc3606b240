import type * as IamModule from "@aws-sdk/client-iam";
import { hasTag, isNamed, load, settings, stackTag, type KindOf } from "./kind.js";

const iamIn = (region: string) => {
  const iam = load("@aws-sdk/client-iam") as typeof IamModule;
  return { iam, client: new iam.IAMClient(settings(region)) };
};

/** Instance profiles without a role. */
export const profiles: KindOf = ({ region, name, stack }) => {
  const { iam, client } = iamIn(region);
  return {
    client,
    action: "iam:ListInstanceProfiles, iam:GetInstanceProfile and iam:DeleteInstanceProfile",
    found: async () => {
      const found: string[] = [];
      for await (const { InstanceProfiles = [] } of iam.paginateListInstanceProfiles({ client }, {}))
        for (const { InstanceProfileName = "" } of InstanceProfiles) {
          if (!isNamed(InstanceProfileName, [`${name}-machine`])) continue;
          const asked = new iam.GetInstanceProfileCommand({ InstanceProfileName }); // a list has no tags
          const { InstanceProfile } = await client.send(asked);
          if (hasTag(InstanceProfile?.Tags ?? [], stackTag, stack)) found.push(InstanceProfileName);
        }
      return found;
    },
    remove: (InstanceProfileName) => client.send(new iam.DeleteInstanceProfileCommand({ InstanceProfileName })),
  };
};

/** Roles without rights. */
export const roles: KindOf = ({ region, name, stack }) => {
  const { iam, client } = iamIn(region);
  return {
    client,
    action: "iam:ListRoles, iam:ListRoleTags and iam:DeleteRole",
    found: async () => {
      const found: string[] = [];
      for await (const { Roles = [] } of iam.paginateListRoles({ client }, {}))
        for (const { RoleName = "" } of Roles) {
          if (!isNamed(RoleName, [`${name}-machine`, `${name}-return`])) continue;
          const { Tags = [] } = await client.send(new iam.ListRoleTagsCommand({ RoleName }));
          if (hasTag(Tags, stackTag, stack)) found.push(RoleName);
        }
      return found;
    },
    remove: (RoleName) => client.send(new iam.DeleteRoleCommand({ RoleName })),
  };
};

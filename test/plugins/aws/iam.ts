import type { ObjectShape } from "../engine/shape.js";
import { awsType, named, sameJson } from "./aws-type.js";
import { iam } from "./clients.js";
import { doing, ifThere, isRefusal, whilePassing } from "./refusals.js";
import { listed, retagging, tagsIn, unlisted } from "./tags.js";
import { minutes } from "./waiting.js";

/** How IAM says that there is none of that name. */
const none = "NoSuchEntityException";

/** How long IAM may take until all of it knows what one part was told. */
const propagationMs = 2 * minutes;

/** `aws:iam/role:Role` (`iam/role.go`). */
export const role = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: [
      ...["name", "path", "assumeRolePolicy", "description", "maxSessionDuration", "permissionsBoundary", "tags"],
      "forceDetachPolicies",
    ],
    computed: ["arn", "createDate", "uniqueId"],
    replaces: ["name", "namePrefix", "path"],
    seen: ["assumeRolePolicy", "description"],
    json: ["assumeRolePolicy"],
    autoName: { property: "name", longest: 64 },
    make: async (given, { signal }) => {
      const { name, path = "/", assumeRolePolicy, description, maxSessionDuration, permissionsBoundary } = given;
      const RoleName = String(name);
      const asked = {
        ...{ RoleName, Path: String(path), AssumeRolePolicyDocument: String(assumeRolePolicy) },
        ...(typeof description === "string" ? { Description: description } : {}),
        ...(typeof maxSessionDuration === "number" ? { MaxSessionDuration: maxSessionDuration } : {}),
        ...(typeof permissionsBoundary === "string" ? { PermissionsBoundary: permissionsBoundary } : {}),
        Tags: listed(tagsIn(given)),
      };
      const passes = ({ name: code, message }: Error): boolean =>
        code === "MalformedPolicyDocumentException" && message.includes("Invalid principal in policy");
      const client = await iam();
      await doing(
        `creating IAM Role (${RoleName})`,
        whilePassing(() => client.createRole(asked), passes, { signal, forMs: propagationMs }),
      );
      return RoleName;
    },
    look: async (id, given) => {
      const client = await iam();
      const found = await doing(`reading IAM Role (${id})`, ifThere(client.getRole({ RoleName: id }), none));
      if (found?.Role === undefined) return undefined;
      const { Arn, RoleId, CreateDate, Description, AssumeRolePolicyDocument = "", Tags } = found.Role;
      return {
        ...{ arn: Arn, uniqueId: RoleId, createDate: CreateDate?.toISOString(), tags: unlisted(Tags) },
        ...(Description === undefined ? {} : { description: Description }),
        assumeRolePolicy: sameJson(given["assumeRolePolicy"], decodeURIComponent(AssumeRolePolicyDocument)),
      };
    },
    change: async (id, given, before) => {
      const client = await iam();
      const what = `updating IAM Role (${id})`;
      const { assumeRolePolicy, description, maxSessionDuration, permissionsBoundary } = given;
      if (assumeRolePolicy !== before["assumeRolePolicy"])
        await doing(
          `${what} assume role policy`,
          client.updateAssumeRolePolicy({ RoleName: id, PolicyDocument: String(assumeRolePolicy) }),
        );
      if (description !== before["description"] || maxSessionDuration !== before["maxSessionDuration"])
        await doing(
          what,
          client.updateRole({
            RoleName: id,
            Description: typeof description === "string" ? description : "",
            MaxSessionDuration: typeof maxSessionDuration === "number" ? maxSessionDuration : 3_600,
          }),
        );
      if (permissionsBoundary !== before["permissionsBoundary"])
        await doing(
          `${what} permissions boundary`,
          typeof permissionsBoundary === "string"
            ? client.putRolePermissionsBoundary({ RoleName: id, PermissionsBoundary: permissionsBoundary })
            : client.deleteRolePermissionsBoundary({ RoleName: id }),
        );
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      if (off.length > 0) await doing(`${what} tags`, client.untagRole({ RoleName: id, TagKeys: off }));
      if (on.length > 0) await doing(`${what} tags`, client.tagRole({ RoleName: id, Tags: on }));
    },
    remove: async (id, state) => {
      const client = await iam();
      const what = `deleting IAM Role (${id})`;
      const profiles = await doing(what, ifThere(client.listInstanceProfilesForRole({ RoleName: id }), none));
      if (state["forceDetachPolicies"] === true) await doing(what, withdrawRights(id));
      for (const { InstanceProfileName = "" } of profiles?.InstanceProfiles ?? [])
        await doing(what, withdrawRole(InstanceProfileName, id));
      await doing(what, ifThere(client.deleteRole({ RoleName: id }), none));
    },
  });

const withdrawRole = async (InstanceProfileName: string, RoleName: string): Promise<void> => {
  await ifThere((await iam()).removeRoleFromInstanceProfile({ InstanceProfileName, RoleName }), none);
};

/** Takes every right from a role, whoever gave it. A role or a right that is gone meanwhile has none to take. */
async function withdrawRights(RoleName: string): Promise<void> {
  const client = await iam();
  const attached = await ifThere(client.listAttachedRolePolicies({ RoleName }), none);
  for (const { PolicyArn } of attached?.AttachedPolicies ?? [])
    await ifThere(client.detachRolePolicy({ RoleName, PolicyArn }), none);
  const own = await ifThere(client.listRolePolicies({ RoleName }), none);
  for (const PolicyName of own?.PolicyNames ?? [])
    await ifThere(client.deleteRolePolicy({ RoleName, PolicyName }), none);
}

/** `aws:iam/rolePolicy:RolePolicy` (`iam/role_policy.go`). Its id is the role's name and its own. */
export const rolePolicy = (inputs: ObjectShape) => {
  const place = (id: string) => {
    const [RoleName = "", PolicyName = ""] = id.split(":");
    return { RoleName, PolicyName };
  };
  return awsType(inputs, {
    done: ["name", "policy", "role"],
    computed: [],
    replaces: ["name", "namePrefix", "role"],
    seen: ["policy"],
    json: ["policy"],
    autoName: named,
    make: async ({ name, policy, role: of }) => {
      const id = `${String(of)}:${String(name)}`;
      await doing(
        `putting IAM Role (${String(of)}) Policy (${String(name)})`,
        (await iam()).putRolePolicy({ ...place(id), PolicyDocument: String(policy) }),
      );
      return id;
    },
    look: async (id, given) => {
      const found = await doing(
        `reading IAM Role Policy (${id})`,
        ifThere((await iam()).getRolePolicy(place(id)), none),
      );
      if (found === undefined) return undefined;
      return { policy: sameJson(given["policy"], decodeURIComponent(found.PolicyDocument ?? "")) };
    },
    change: async (id, { policy }) => {
      await doing(
        `putting IAM Role Policy (${id})`,
        (await iam()).putRolePolicy({ ...place(id), PolicyDocument: String(policy) }),
      );
    },
    remove: async (id) => {
      await doing(`deleting IAM Role Policy (${id})`, ifThere((await iam()).deleteRolePolicy(place(id)), none));
    },
  });
};

/** `aws:iam/instanceProfile:InstanceProfile` (`iam/instance_profile.go`). */
export const instanceProfile = (inputs: ObjectShape) => {
  const addRole = async (InstanceProfileName: string, RoleName: string, signal: AbortSignal): Promise<void> => {
    const client = await iam();
    await doing(
      `adding IAM Role (${RoleName}) to IAM Instance Profile (${InstanceProfileName})`,
      whilePassing(
        () => client.addRoleToInstanceProfile({ InstanceProfileName, RoleName }),
        (error) => isRefusal(error, [none]) && error.message.includes("The role with name"),
        { signal, forMs: propagationMs },
      ),
    );
  };
  return awsType(inputs, {
    done: ["name", "path", "role", "tags"],
    computed: ["arn", "createDate", "uniqueId"],
    replaces: ["name", "namePrefix", "path"],
    seen: ["role"],
    autoName: named,
    make: async (given) => {
      const { name, path = "/" } = given;
      const InstanceProfileName = String(name);
      await doing(
        `creating IAM Instance Profile (${InstanceProfileName})`,
        (await iam()).createInstanceProfile({
          ...{ InstanceProfileName, Path: String(path), Tags: listed(tagsIn(given)) },
        }),
      );
      return InstanceProfileName;
    },
    finish: async (id, { role: of }, { signal }) => {
      if (typeof of === "string") await addRole(id, of, signal);
    },
    look: async (id) => {
      const asked = (await iam()).getInstanceProfile({ InstanceProfileName: id });
      const found = (await doing(`reading IAM Instance Profile (${id})`, ifThere(asked, none)))?.InstanceProfile;
      if (found === undefined) return undefined;
      const { Arn, InstanceProfileId, CreateDate, Roles = [], Tags } = found;
      return {
        ...{ arn: Arn, uniqueId: InstanceProfileId, createDate: CreateDate?.toISOString(), tags: unlisted(Tags) },
        role: Roles[0]?.RoleName ?? "",
      };
    },
    change: async (id, given, before, { signal }) => {
      const client = await iam();
      if (given["role"] !== before["role"]) {
        if (typeof before["role"] === "string" && before["role"] !== "") await withdrawRole(id, before["role"]);
        if (typeof given["role"] === "string") await addRole(id, given["role"], signal);
      }
      const what = `updating tags for IAM Instance Profile (${id})`;
      const { off, on } = retagging(tagsIn(before), tagsIn(given));
      if (off.length > 0) await doing(what, client.untagInstanceProfile({ InstanceProfileName: id, TagKeys: off }));
      if (on.length > 0) await doing(what, client.tagInstanceProfile({ InstanceProfileName: id, Tags: on }));
    },
    remove: async (id, { role: of }) => {
      if (typeof of === "string" && of !== "") await withdrawRole(id, of);
      const asked = (await iam()).deleteInstanceProfile({ InstanceProfileName: id });
      await doing(`deleting IAM Instance Profile (${id})`, ifThere(asked, none));
    },
  });
};

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { difference } from "../engine/difference.js";
import { unknownValue, type Properties } from "../engine/values.js";
import { awsTypes } from "./types.js";

const seed = Buffer.from("a seed of chance");
const kept = (token: string, given: Properties, before: Properties = {}, chance = seed): Properties =>
  awsTypes[token]!.withDefaults!(given, { name: "Thing", seed: chance, before });
const [role, bucket, alias, topic, group, instance, volume] = [
  ...["aws:iam/role:Role", "aws:s3/bucket:Bucket", "aws:kms/alias:Alias", "aws:sns/topic:Topic"],
  ...["aws:ec2/securityGroup:SecurityGroup", "aws:ec2/instance:Instance", "aws:ebs/volume:Volume"],
] as const;

beforeEach(() => vi.stubEnv("AWS_REGION", "us-east-1"));
afterEach(() => vi.unstubAllEnvs());

describe("a name that nobody gave", () => {
  test.each<[token: string, property: string, name: RegExp]>([
    [role, "name", /^Thing-[0-9a-f]{7}$/],
    [bucket, "bucket", /^thing-[0-9a-f]{7}$/],
    [alias, "name", /^alias\/Thing-[0-9a-f]{7}$/],
  ])("of %s is made of the resource's own", (token, property, name) => {
    expect(kept(token, {})[property]).toMatch(name);
  });

  test("is the same in a preview and the run after it, and another for another", () => {
    expect(kept(role, {})["name"]).toBe(kept(role, {})["name"]);
    expect(kept(role, {}, {}, Buffer.from("another"))["name"]).not.toBe(kept(role, {})["name"]);
  });

  test("stays from run to run, and gives way to one that is given", () => {
    const before = kept(role, {});
    expect(kept(role, {}, before, Buffer.from("another"))["name"]).toBe(before["name"]);
    const named = kept(role, { name: "mine" }, before);
    expect(named["name"]).toBe("mine");
    expect(kept(role, {}, named)["name"]).not.toBe("mine");
  });

  test("is left to AWS where a prefix is given, and refused where it is too long", () => {
    expect(kept(topic, { namePrefix: "p" })).not.toHaveProperty("name");
    const long = { name: "x".repeat(60), seed, before: {} };
    expect(() => awsTypes[role]!.withDefaults!({}, long)).toThrow("longer than 64");
  });
});

test("a region is the provider's unless it is given, and none where there are none", () => {
  expect(kept(topic, {})["region"]).toBe("us-east-1");
  expect(kept(topic, { region: "eu-west-1" })["region"]).toBe("eu-west-1");
  expect(kept(role, {})).not.toHaveProperty("region");
});

test("a security group has the bridge's words for its purpose", () => {
  expect(kept(group, {})).toMatchObject({ description: "Managed by Pulumi" });
});

describe("another run", () => {
  const differs = (token: string, before: Properties, after: Properties) =>
    difference(awsTypes[token]!, kept(token, before), kept(token, after, kept(token, before)), []);

  test.each<
    [what: string, token: string, before: Properties, after: Properties, replaces: string[] | "same" | "changed"]
  >([
    ["with another image", instance, { ami: "a" }, { ami: "b" }, ["ami"]],
    ["with an image that is not known yet", instance, { ami: "a" }, { ami: unknownValue }, ["ami"]],
    ["in another region", topic, {}, { region: "eu-west-1" }, ["region"]],
    ["in the region by name", topic, {}, { region: "us-east-1" }, "same"],
    ["with other tags", instance, { tags: { a: "b" } }, { tags: {} }, "changed"],
    ["without a zone", instance, { availabilityZone: "a" }, {}, "same"],
    [
      "with groups in another order",
      instance,
      { vpcSecurityGroupIds: ["a", "b"] },
      { vpcSecurityGroupIds: ["b", "a"] },
      "same",
    ],
    ["with other user data", instance, { userData: "a" }, { userData: "b" }, "changed"],
    [
      "with other user data that counts",
      instance,
      { userData: "a", userDataReplaceOnChange: true },
      { userData: "b", userDataReplaceOnChange: true },
      ["userData"],
    ],
    [
      "with a larger root",
      instance,
      { rootBlockDevice: { volumeSize: 1 } },
      { rootBlockDevice: { volumeSize: 2 } },
      "changed",
    ],
    [
      "with a sealed root",
      instance,
      { rootBlockDevice: {} },
      { rootBlockDevice: { encrypted: true } },
      ["rootBlockDevice"],
    ],
    ["as a spot instance", instance, {}, { instanceMarketOptions: { marketType: "spot" } }, ["instanceMarketOptions"]],
    ["of another size", volume, { size: 1 }, { size: 2 }, "changed"],
    ["sealed", volume, {}, { encrypted: true }, ["encrypted"]],
    [
      "with the same policy in other words",
      role,
      { assumeRolePolicy: `{"a":1,"b":[2]}` },
      { assumeRolePolicy: `{ "b": [2], "a": 1 }` },
      "same",
    ],
    ["with other rules", group, { egress: [] }, { egress: [{ protocol: "-1" }] }, "changed"],
    ["for another purpose", group, {}, { description: "another" }, ["description"]],
  ])("%s", async (_, token, before, after, expected) => {
    const { changed, replaces } = await differs(token, before, after);
    if (expected === "same") expect(changed).toEqual([]);
    else {
      expect(changed).not.toEqual([]);
      expect(replaces).toEqual(expected === "changed" ? [] : expected);
    }
  });

  test("takes one away first that was given its name, since there cannot be two", async () => {
    const path = (name: object, to: string) => ({ ...name, path: to, assumeRolePolicy: "{}" });
    const first = async (name: object) =>
      (await differs(role, path(name, "/a/"), path(name, "/b/"))).deleteBeforeReplace;
    expect(await first({ name: "mine" })).toBe(true);
    expect(await first({})).toBe(false);
  });
});

describe("a preview", () => {
  test("of something new knows nothing but what is given", () => {
    const planned = awsTypes[instance]!.planned!({ ami: "a", tags: { a: "b" }, availabilityZone: "z" }, undefined);
    expect(planned).toMatchObject({
      id: unknownValue,
      arn: unknownValue,
      privateIp: unknownValue,
      tagsAll: { a: "b" },
    });
    expect(planned).not.toHaveProperty("availabilityZone");
  });

  test("of a change knows what stays", () => {
    const planned = awsTypes[instance]!.planned!(
      { ami: "a", tags: { a: "c" } },
      { id: "i-1", arn: "arn", tagsAll: { a: "b" } },
    );
    expect(planned).toEqual({ id: "i-1", arn: "arn", tagsAll: { a: "c" } });
  });
});

import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { whatIsWrong, type ObjectShape } from "../engine/shape.js";
import { fromStruct, toStruct } from "../engine/values.js";
import { awsArguments } from "./arguments.js";
import shapes from "./shapes.json";
import { awsTypes } from "./types.js";

beforeAll(() =>
  pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => ({ id: name, state: inputs as Record<string, unknown> }),
    call: () => ({}),
  }),
);

type Token = keyof typeof awsArguments;
type Constructor = new (name: string, args: object) => unknown;

/** The names that an SDK's constructor reads of its arguments: all that it takes. */
function namesRead(token: Token): string[] {
  const names = new Set<string>();
  // whatever must be there is
  const args = new Proxy(
    {},
    {
      get: (_, name) => (typeof name === "string" ? (names.add(name), "given") : undefined),
    },
  );
  const sdk = createRequire(__filename)(awsArguments[token][0]) as Record<string, Constructor>;
  const type = sdk[token.split(":").at(-1)!]!;
  new type("a", args);
  return [...names].sort();
}

test.each(Object.keys(awsArguments) as Token[])(
  "%s takes what the SDK's constructor passes on, and no more",
  (token) => {
    const known = Object.keys(shapes[token]).map((name) => name.replace("?", ""));
    expect(namesRead(token)).toEqual(known.sort());
  },
);

const received = (args: object): Record<string, unknown> => fromStruct(toStruct(args as Record<string, unknown>));

test.each<[what: string, token: Token, inputs: object, where: string[]]>([
  [
    "an option of the metadata service",
    "aws:ec2/instance:Instance",
    { metadataOptions: { httpToken: "required" } },
    ["metadataOptions.httpToken"],
  ],
  [
    "a rule without ports",
    "aws:ec2/securityGroup:SecurityGroup",
    { egress: [{ protocol: "-1" }] },
    ["egress[0].fromPort", "egress[0].toPort"],
  ],
  ["a size in words", "aws:ebs/volume:Volume", { availabilityZone: "a", size: "1G" }, ["size"]],
  [
    "a key in the wrong block",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    { bucket: "b", rules: [{ sseAlgorithm: "AES256" }] },
    ["rules[0].sseAlgorithm"],
  ],
  [
    "what is right",
    "aws:ec2/routeTable:RouteTable",
    { vpcId: "v", routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: "g" }] },
    [],
  ],
])("%s is checked at every depth", (_, token, inputs, where) => {
  expect(whatIsWrong(received(inputs), shapes[token] as ObjectShape).map(({ property }) => property)).toEqual(where);
});

test.each<[token: Token, inputs: object, where: string[]]>([
  ["aws:ec2/instance:Instance", { ami: "a", keyName: "k" }, ["keyName"]],
  [
    "aws:ec2/instance:Instance",
    { ami: "a", rootBlockDevice: { volumeSize: 1, volumeId: "v" } },
    ["rootBlockDevice.volumeId"],
  ],
  ["aws:ec2/routeTable:RouteTable", { vpcId: "v", routes: [{ natGatewayId: "n" }] }, ["routes[0].natGatewayId"]],
  ["aws:s3/bucket:Bucket", { versioning: { enabled: true } }, ["versioning"]],
  ["aws:ebs/volume:Volume", { availabilityZone: "a", encrypted: true, region: "eu-west-1" }, []],
])("what %s does not do here is refused, not passed over (%j)", (token, inputs, where) => {
  expect(awsTypes[token]!.check!(received(inputs))).toEqual(
    where.map((property) => ({ property, reason: "is not done by this stand-in" })),
  );
});

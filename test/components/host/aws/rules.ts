import shapes from "../../../plugins/aws/shapes.json";

/*
 * What must hold of everything that is made in AWS, whichever program made it: read from a whole plan or state.
 */

/** A resource as a plan or a state has it. */
export interface Planned {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** What stands in a plan for what only an `up` will know. The state of that `up` is judged by it. */
const notKnownYet = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly NotAction?: unknown;
  readonly NotResource?: unknown;
  readonly NotPrincipal?: unknown;
}

/** Allow statements that may say `*`, why, and how far. */
const documentedWildcards: Readonly<Record<string, { readonly why: string; within(statement: Statement): boolean }>> = {
  TakeCommands: {
    why: "AWS lets what an agent of Systems Manager asks be allowed on everything alone",
    within: ({ Action, Resource }) =>
      listOf(Action).every((action) => /^(ssm|ssmmessages|ec2messages):[A-Za-z]+$/.test(action)) && Resource === "*",
  },
  BringMachinesBack: {
    why: "machines get their ids after the role: it is bound to this stack's by their tag",
    within: ({ Action, Resource, Condition }) =>
      listOf(Action).every((action) => /^ec2:St(art|op)Instances$/.test(action)) &&
      listOf(Resource).every((resource) => /^arn:aws:ec2:[a-z0-9-]+:\*:instance\/\*$/.test(resource)) &&
      typeof Condition?.["StringEquals"]?.["aws:ResourceTag/lightchain:stack"] === "string",
  },
  TellMetrics: {
    why: "AWS knows no resource of a metric's: it is bound to our name space",
    within: ({ Action, Resource, Condition }) =>
      Action === "cloudwatch:PutMetricData" &&
      Resource === "*" &&
      Condition?.["StringEquals"]?.["cloudwatch:namespace"] === "Lightchain",
  },
  TellLogLines: {
    why: "a group's streams are named later: it is bound to that one group",
    within: ({ Action, Resource }) =>
      listOf(Action).every((action) => /^logs:(CreateLogStream|PutLogEvents)$/.test(action)) &&
      listOf(Resource).every((resource) => /^arn:aws:logs:[^*]*[^*:]:\*$/.test(resource)),
  },
};

/** What the SDK says of each type that we make. */
const known: Readonly<Record<string, object>> = shapes;
const canBeTagged = (type: string): boolean => "tags?" in (known[type] ?? {});

/** Everything in a plan that breaks a rule, one line each. Pure. */
export function violations(plan: readonly Planned[]): string[] {
  const of = (type: string): readonly Planned[] => plan.filter((one) => one.type === type);
  const broken: string[] = [];
  const rule = (holds: boolean, { name, type }: Planned, what: string): void => {
    if (!holds) broken.push(`${name} (${type}): ${what}`);
  };
  const at = (value: unknown, ...path: (string | number)[]): unknown =>
    path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);

  for (const one of of("aws:ec2/securityGroup:SecurityGroup")) {
    rule(Array.isArray(one.inputs["ingress"]) && one.inputs["ingress"].length === 0, one, "there is a way in");
    const egress = (one.inputs["egress"] ?? []) as { protocol: string }[];
    rule(
      egress.every(({ protocol }) => protocol === "tcp"),
      one,
      "more than named ports go out",
    );
  }
  for (const one of plan) {
    rule(!/securityGroupRule|vpcSecurityGroupIngressRule|keyPair/.test(one.type), one, "a way in");
    rule(!one.type.startsWith("aws:") || one.type in known, one, "is of a type that no rule knows");
  }
  for (const one of of("aws:ec2/instance:Instance")) {
    rule(at(one.inputs, "metadataOptions", "httpTokens") === "required", one, "IMDSv1 answers");
    rule(at(one.inputs, "metadataOptions", "httpPutResponseHopLimit") === 1, one, "metadata goes beyond the machine");
    rule(at(one.inputs, "rootBlockDevice", "encrypted") === true, one, "its root disk is not encrypted");
    rule(one.inputs["keyName"] === undefined, one, "an SSH key lets in");
    rule(/^#!\/bin\/sh\n/.test(String(one.inputs["userData"])), one, "its user data is another's");
    rule(!/[0-9a-f]{40}|AKIA|https?:/i.test(String(one.inputs["userData"])), one, "its user data says too much");
  }
  for (const one of of("aws:ebs/volume:Volume")) rule(one.inputs["encrypted"] === true, one, "is not encrypted");
  for (const one of of("aws:kms/key:Key")) rule(one.inputs["enableKeyRotation"] === true, one, "is never rotated");

  const guards = [
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketPolicy:BucketPolicy",
  ];
  for (const one of of("aws:s3/bucket:Bucket")) {
    rule(one.inputs["acl"] === undefined && one.inputs["grants"] === undefined, one, "lets others in");
    for (const guard of guards)
      rule(
        of(guard).some(({ name }) => name === one.name),
        one,
        `has no ${guard}`,
      );
  }
  for (const one of of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"))
    for (const key of ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"])
      rule(one.inputs[key] === true, one, `${key} is off`);
  for (const one of of("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")) {
    const algorithm = at(one.inputs, "rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm");
    rule(algorithm === "AES256" || algorithm === "aws:kms", one, "encrypts nothing");
  }
  for (const one of of("aws:s3/bucketPolicy:BucketPolicy"))
    rule(one.inputs["policy"] === notKnownYet || asksForTls(one.inputs["policy"]), one, "is asked without TLS");

  for (const one of of("aws:iam/role:Role"))
    rule(at(one.inputs, "managedPolicyArns") === undefined, one, "has rights that AWS writes");
  for (const one of plan)
    for (const statement of statementsIn(one.inputs)) {
      const { Sid = "no Sid", NotAction, NotResource, NotPrincipal, Principal } = statement;
      if (statement.Effect !== "Allow") continue;
      const isAll = [NotAction, NotResource, NotPrincipal].some((but) => but !== undefined);
      rule(!isAll, one, `allows all but something (${Sid})`);
      rule(!JSON.stringify(Principal ?? "").includes("*"), one, `allows everybody (${Sid})`);
      const hasWildcard = [statement.Action, statement.Resource].flatMap(listOf).some((text) => text.includes("*"));
      rule(!hasWildcard || documentedWildcards[Sid]?.within(statement) === true, one, `allows * (${Sid})`);
    }
  for (const one of plan) {
    const { tags } = one.inputs;
    if (canBeTagged(one.type) && tags !== notKnownYet)
      rule(at(tags, "lightchain:stack") !== undefined, one, "is not tagged");
  }
  for (const one of of("aws:sns/topic:Topic"))
    rule(one.inputs["kmsMasterKeyId"] !== "alias/aws/sns", one, "its key lets no alarm publish");
  return broken;
}

const listOf = (some: string | readonly string[] | undefined): readonly string[] => [some ?? []].flat();

/** The statements of every policy among a resource's inputs, whatever it is called there. */
const statementsIn = (inputs: Planned["inputs"]): Statement[] =>
  Object.entries(inputs).flatMap(([name, value]) => {
    if (name === "inlinePolicies") return (value as Planned["inputs"][]).flatMap(statementsIn);
    return /policy$/i.test(name) && typeof value === "string" && value !== notKnownYet ? statementsOf(value) : [];
  });
const statementsOf = (policy: unknown): Statement[] =>
  [(JSON.parse(String(policy)) as { Statement: Statement | Statement[] }).Statement].flat();

/** Whether everything that is asked in the clear is refused, of a bucket and of what is in it. */
const asksForTls = (policy: unknown): boolean =>
  statementsOf(policy).some(
    ({ Effect, Principal, Action, Resource, Condition }) =>
      Effect === "Deny" &&
      Principal === "*" &&
      Action === "s3:*" &&
      listOf(Resource).length === 2 &&
      listOf(Resource).some((resource) => resource.endsWith("/*")) &&
      Condition?.["Bool"]?.["aws:SecureTransport"] === "false",
  );

/** A plan with one thing changed in all resources of a kind. @throws Error where there is none, so that nothing is thought broken that is not */
export function changedPlan(
  plan: readonly Planned[],
  type: RegExp,
  change: (inputs: Record<string, unknown>) => void,
): Planned[] {
  if (!plan.some((one) => type.test(one.type))) throw new Error(`nothing in the plan is ${String(type)}`);
  return plan.map((one) => {
    if (!type.test(one.type)) return one;
    const inputs = structuredClone(one.inputs) as Record<string, unknown>;
    change(inputs);
    return { ...one, inputs };
  });
}

const allowing = (statement: object): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "r", ...statement }],
  });

/** Each rule broken once: what, in which kind of resource and how, and what is said of it. */
export const breaches: readonly (readonly [
  what: string,
  type: RegExp,
  change: (inputs: Record<string, unknown>) => void,
  said: RegExp,
])[] = [
  ["a port that is open", /SecurityGroup$/, (one) => (one["ingress"] = [{ fromPort: 22 }]), /a way in/],
  ["every way out", /SecurityGroup$/, (one) => (one["egress"] = [{ protocol: "-1" }]), /named ports/],
  ["an SSH key", /:Instance$/, (one) => (one["keyName"] = "mine"), /SSH key/],
  ["IMDSv1", /:Instance$/, (one) => (one["metadataOptions"] = { httpTokens: "optional" }), /IMDSv1/],
  ["metadata for containers", /:Instance$/, (one) => (one["metadataOptions"] = {}), /beyond the machine/],
  ["a disk in the clear", /ebs\/volume/, (one) => (one["encrypted"] = false), /not encrypted/],
  ["a root disk in the clear", /:Instance$/, (one) => (one["rootBlockDevice"] = {}), /root disk/],
  ["user data with a key", /:Instance$/, (one) => (one["userData"] = `#!/bin/sh\n${"5e".repeat(32)}`), /says too much/],
  ["user data of another program", /:Instance$/, (one) => (one["userData"] = "#cloud-config"), /another's/],
  [
    "a topic with AWS's own key",
    /:Topic$/,
    (one) => (one["kmsMasterKeyId"] = "alias/aws/sns"),
    /lets no alarm publish/,
  ],
  ["a public bucket", /PublicAccess/, (one) => (one["blockPublicPolicy"] = false), /blockPublicPolicy is off/],
  ["a bucket with an acl", /:Bucket$/, (one) => (one["acl"] = "public-read"), /lets others in/],
  ["a bucket that encrypts nothing", /ServerSide/, (one) => (one["rules"] = []), /encrypts nothing/],
  [
    "a bucket that is asked in the clear",
    /:BucketPolicy$/,
    (one) => (one["policy"] = allowing({ Effect: "Deny", Principal: "*" })),
    /without TLS/,
  ],
  ["a wildcard", /:RolePolicy$/, (one) => (one["policy"] = allowing({ Action: "s3:*" })), /allows \* \(no Sid\)/],
  [
    "a wildcard below a documented name",
    /:RolePolicy$/,
    (one) => (one["policy"] = allowing({ Sid: "TakeCommands", Action: "ssm:*", Resource: "*" })),
    /allows \* \(TakeCommands\)/,
  ],
  [
    "all machines, whosesoever",
    /:RolePolicy$/,
    (one) => (one["policy"] = String(one["policy"]).replace(/"Condition":\{.*?\}\}/, '"Condition":{}')),
    /allows \* \(BringMachinesBack\)/,
  ],
  [
    "a role that may tell any name space",
    /:RolePolicy$/,
    (one) => (one["policy"] = allowing({ Sid: "TellMetrics", Action: "cloudwatch:PutMetricData", Resource: "*" })),
    /allows \* \(TellMetrics\)/,
  ],
  [
    "a role that may write to every log",
    /:RolePolicy$/,
    (one) =>
      (one["policy"] = allowing({ Sid: "TellLogLines", Action: "logs:PutLogEvents", Resource: "arn:aws:logs:*:*:*" })),
    /allows \* \(TellLogLines\)/,
  ],
  ["all but one action", /:RolePolicy$/, (one) => (one["policy"] = allowing({ NotAction: "s3:a" })), /all but/],
  [
    "a role for everybody",
    /:Role$/,
    (one) => (one["assumeRolePolicy"] = allowing({ Principal: { AWS: "*" } })),
    /allows everybody/,
  ],
  [
    "a wildcard in a role itself",
    /:Role$/,
    (one) => (one["inlinePolicies"] = [{ name: "a", policy: allowing({ Resource: "*" }) }]),
    /allows \*/,
  ],
  ["a policy of AWS's", /:Role$/, (one) => (one["managedPolicyArns"] = ["arn:aws:iam::aws:policy/a"]), /AWS writes/],
];

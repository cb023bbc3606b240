/*
 * What must hold of everything that is made in AWS, whichever program made it: read from a whole plan or state.
 */

/** A resource as a plan or a state has it. */
export interface Planned {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * Allow statements that may say `*`: AWS lets the first's actions be allowed on everything alone; the second's are bound by the stack's tag, the third's by our name space, the
 * fourth's by one log group, whose streams are named later.
 */
const documentedWildcards = ["TakeCommands", "BringMachinesBack", "TellMetrics", "TellLogLines"];
/** What binds those that name everything. */
const bound: Readonly<Record<string, RegExp>> = {
  TellMetrics: /"Condition":\{"StringEquals":\{"cloudwatch:namespace":"Lightchain"\}\}/,
  TellLogLines: /"Resource":"arn:aws:logs:[^*]*[^*:]:\*"/,
};

/** Types that can be tagged, by the SDK. */
const tagged = [
  ...["aws:s3/bucket:Bucket", "aws:iam/role:Role", "aws:iam/instanceProfile:InstanceProfile"],
  ...["aws:ec2/securityGroup:SecurityGroup", "aws:ec2/instance:Instance", "aws:ebs/volume:Volume"],
  ...["aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/internetGateway:InternetGateway"],
  ...["aws:ec2/routeTable:RouteTable", "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:sns/topic:Topic"],
  ...["aws:kms/key:Key", "aws:cloudwatch/logGroup:LogGroup", "aws:budgets/budget:Budget"],
];

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
  for (const one of plan)
    rule(!/securityGroupRule|vpcSecurityGroupIngressRule|keyPair/.test(one.type), one, "a way in");
  for (const one of of("aws:ec2/instance:Instance")) {
    rule(at(one.inputs, "metadataOptions", "httpTokens") === "required", one, "IMDSv1 answers");
    rule(at(one.inputs, "metadataOptions", "httpPutResponseHopLimit") === 1, one, "metadata goes beyond the machine");
    rule(at(one.inputs, "rootBlockDevice", "encrypted") === true, one, "its root disk is not encrypted");
    rule(one.inputs["keyName"] === undefined, one, "an SSH key lets in");
    rule(/^#!\/bin\/sh\n/.test(String(one.inputs["userData"])), one, "its user data is another's");
    rule(!/[0-9a-f]{40}|AKIA|https?:/i.test(String(one.inputs["userData"])), one, "its user data says too much");
  }
  for (const one of of("aws:ebs/volume:Volume")) rule(one.inputs["encrypted"] === true, one, "is not encrypted");
  const guards = [
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketPolicy:BucketPolicy",
  ];
  for (const one of of("aws:s3/bucket:Bucket"))
    for (const guard of guards)
      rule(
        of(guard).some(({ name }) => name === one.name),
        one,
        `has no ${guard}`,
      );
  for (const one of of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"))
    for (const key of ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"])
      rule(one.inputs[key] === true, one, `${key} is off`);
  for (const one of plan.filter(({ inputs }) => typeof inputs["policy"] === "string"))
    for (const statement of allowed(String(one.inputs["policy"])))
      rule(
        documentedWildcards.includes(statement.Sid ?? "") ||
          ![statement.Action, statement.Resource].flat().some((text) => text?.includes("*")),
        one,
        `allows * (${statement.Sid ?? "no Sid"})`,
      );
  for (const one of plan.filter(({ inputs }) => typeof inputs["policy"] === "string"))
    for (const statement of allowed(String(one.inputs["policy"])))
      rule(bound[statement.Sid ?? ""]?.test(JSON.stringify(statement)) ?? true, one, `${statement.Sid} is not bound`);
  for (const one of of("aws:sns/topic:Topic"))
    rule(one.inputs["kmsMasterKeyId"] !== "alias/aws/sns", one, "its key lets no alarm publish");
  for (const one of plan.filter(({ type }) => tagged.includes(type)))
    rule(at(one.inputs, "tags", "lightchain:stack") !== undefined, one, "is not tagged");
  return broken;
}

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action?: string | readonly string[];
  readonly Resource?: string | readonly string[];
}
const allowed = (policy: string): Statement[] =>
  (JSON.parse(policy) as { Statement: Statement[] }).Statement.filter(({ Effect }) => Effect === "Allow");

/** What a program may say otherwise. */
export interface Options {
  readonly colour?: string;
  readonly instanceType?: string;
  readonly sizeGib?: number;
  readonly retentionDays?: number;
  readonly cidr?: string;
  readonly more?: string;
}

/** Regions of {@link everyType}, and a zone in each. */
export const places = { "us-east-1": "us-east-1a", "eu-west-1": "eu-west-1b" } as const;

/**
 * A program with every type that the stand-in has: what has a region in two of them, the first because it is the provider's own.
 * @param image an image that both regions have
 */
export const everyType = (image: string, options: Options = {}): string => {
  const { colour = "red", instanceType = "t3.micro", sizeGib = 8, retentionDays = 7, cidr = "10.1.1.0/24" } = options;
  return `
const policy = (statement) => JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
const tags = { colour: "${colour}" };
new aws.budgets.Budget("budget", { namePrefix: "of-", budgetType: "COST", limitAmount: "10", limitUnit: "USD", timeUnit: "MONTHLY", tags: { colour: "red" },
  costFilters: [{ name: "Region", values: ["${places["us-east-1"]}"] }],
  notifications: [{ notificationType: "ACTUAL", comparisonOperator: "GREATER_THAN", threshold: 80, thresholdType: "PERCENTAGE", subscriberEmailAddresses: ["someone@example.com"] }] });
const role = new aws.iam.Role("role", {
  assumeRolePolicy: policy({ Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }), tags,
});
new aws.iam.RolePolicy("policy", { role: role.name, policy: policy({ Action: "s3:GetObject", Resource: "*" }) });
const profile = new aws.iam.InstanceProfile("profile", { role: role.name, tags });
function place(prefix, zone, region) {
  const name = (what) => prefix + "-" + what;
  const where = region === undefined ? {} : { region };
  const key = new aws.kms.Key(name("key"), { description: "A key", deletionWindowInDays: 7, enableKeyRotation: true, tags, ...where });
  const alias = new aws.kms.Alias(name("alias"), { targetKeyId: key.keyId, ...where });
  const bucket = new aws.s3.Bucket(name("Bucket"), { forceDestroy: true, tags, ...where });
  new aws.s3.BucketPublicAccessBlock(name("block"), { bucket: bucket.id, blockPublicAcls: true, restrictPublicBuckets: true, ...where });
  new aws.s3.BucketServerSideEncryptionConfiguration(name("encryption"), { bucket: bucket.id, ...where,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn }, bucketKeyEnabled: true }] });
  new aws.s3.BucketPolicy(name("bucket-policy"), { bucket: bucket.id, ...where,
    policy: bucket.arn.apply((arn) => policy({ Action: "s3:GetObject", Principal: { AWS: "*" }, Resource: arn + "/*" })) });
  new aws.s3.BucketLifecycleConfiguration(name("lifecycle"), { bucket: bucket.id, ...where,
    rules: [{ id: "old", status: "Enabled", filter: { prefix: "logs/" }, expiration: { days: 30 } }] });
  const vpc = new aws.ec2.Vpc(name("vpc"), { cidrBlock: "10.1.0.0/16", enableDnsHostnames: true, tags, ...where });
  const subnet = new aws.ec2.Subnet(name("subnet"), { vpcId: vpc.id, cidrBlock: "${cidr}", availabilityZone: zone, mapPublicIpOnLaunch: true, tags, ...where });
  const gateway = new aws.ec2.InternetGateway(name("gateway"), { vpcId: vpc.id, tags, ...where });
  const table = new aws.ec2.RouteTable(name("table"), { vpcId: vpc.id, routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }], tags, ...where });
  new aws.ec2.RouteTableAssociation(name("association"), { subnetId: subnet.id, routeTableId: table.id, ...where });
  const group = new aws.ec2.SecurityGroup(name("group"), { vpcId: vpc.id, tags, ...where,
    egress: [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["0.0.0.0/0"] }] });
  const instance = new aws.ec2.Instance(name("instance"), {
    ami: "${image}", instanceType: "${instanceType}", subnetId: subnet.id, vpcSecurityGroupIds: [group.id], iamInstanceProfile: profile.name,
    userData: "#!/bin/sh\\necho hello\\n", userDataReplaceOnChange: true, metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
    rootBlockDevice: { volumeSize: ${sizeGib}, volumeType: "gp3" }, instanceInitiatedShutdownBehavior: "stop", tags, volumeTags: tags, ...where,
  });
  const volume = new aws.ebs.Volume(name("volume"), { availabilityZone: instance.availabilityZone, size: ${sizeGib}, type: "gp3", encrypted: true, kmsKeyId: key.arn, tags, ...where });
  new aws.ec2.VolumeAttachment(name("attachment"), { deviceName: "/dev/sdf", instanceId: instance.id, volumeId: volume.id, stopInstanceBeforeDetaching: true, ...where });
  const topic = new aws.sns.Topic(name("topic"), { tags, ...where });
  new aws.sns.TopicSubscription(name("subscription"), { topic: topic.arn, protocol: "email", endpoint: "someone@example.com", ...where });
  new aws.cloudwatch.LogGroup(name("log"), { retentionInDays: ${retentionDays}, tags, ...where });
  new aws.cloudwatch.LogGroup(name("prefixed"), { namePrefix: "/of/" + prefix + "-", ...where });
  new aws.cloudwatch.MetricAlarm(name("alarm"), {
    comparisonOperator: "GreaterThanThreshold", evaluationPeriods: 1, metricName: "StatusCheckFailed", namespace: "AWS/EC2", period: 60,
    statistic: "Maximum", threshold: 0, dimensions: { InstanceId: instance.id }, alarmActions: [topic.arn], tags, ...where,
  });
  return { bucket: bucket.bucket, bucketArn: bucket.arn, key: key.arn, alias: alias.name, vpc: vpc.id, subnet: subnet.id, group: group.id, groupName: group.name,
    instance: instance.id, zone: instance.availabilityZone, privateIp: instance.privateIp, state: instance.instanceState, volume: volume.id, topic: topic.arn };
}
exports.here = place("here", "${places["us-east-1"]}");
exports.there = place("there", "${places["eu-west-1"]}", "eu-west-1");
exports.role = role.name;
${options.more ?? ""}
`;
};

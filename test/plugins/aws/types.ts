import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import type { awsArguments } from "./arguments.js";
import { bucketEncryption, bucketLifecycle, bucketPolicy, publicAccessBlock } from "./bucket-settings.js";
import { bucket } from "./bucket.js";
import { budget } from "./budgets.js";
import { instanceProfile, role, rolePolicy } from "./iam.js";
import { instance } from "./instance.js";
import { kmsAlias, kmsKey } from "./kms.js";
import { routeTable, routeTableAssociation } from "./routes.js";
import { securityGroup } from "./security-group.js";
import shapes from "./shapes.json";
import { topic, topicSubscription } from "./sns.js";
import { volume, volumeAttachment } from "./volume.js";
import { internetGateway, subnet, vpc } from "./vpc.js";
import { logGroup, metricAlarm } from "./watching.js";

const made: Readonly<Record<keyof typeof awsArguments, (inputs: ObjectShape) => ResourceType>> = {
  "aws:budgets/budget:Budget": budget,
  "aws:cloudwatch/logGroup:LogGroup": logGroup,
  "aws:cloudwatch/metricAlarm:MetricAlarm": metricAlarm,
  "aws:ebs/volume:Volume": volume,
  "aws:ec2/instance:Instance": instance,
  "aws:ec2/internetGateway:InternetGateway": internetGateway,
  "aws:ec2/routeTable:RouteTable": routeTable,
  "aws:ec2/routeTableAssociation:RouteTableAssociation": routeTableAssociation,
  "aws:ec2/securityGroup:SecurityGroup": securityGroup,
  "aws:ec2/subnet:Subnet": subnet,
  "aws:ec2/volumeAttachment:VolumeAttachment": volumeAttachment,
  "aws:ec2/vpc:Vpc": vpc,
  "aws:iam/instanceProfile:InstanceProfile": instanceProfile,
  "aws:iam/role:Role": role,
  "aws:iam/rolePolicy:RolePolicy": rolePolicy,
  "aws:kms/alias:Alias": kmsAlias,
  "aws:kms/key:Key": kmsKey,
  "aws:s3/bucket:Bucket": bucket,
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": bucketLifecycle,
  "aws:s3/bucketPolicy:BucketPolicy": bucketPolicy,
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": publicAccessBlock,
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": bucketEncryption,
  "aws:sns/topic:Topic": topic,
  "aws:sns/topicSubscription:TopicSubscription": topicSubscription,
};

/** Every type that the stand-in has, by its token. */
export const awsTypes: Readonly<Record<string, ResourceType>> = Object.fromEntries(
  Object.entries(made).map(([token, type]) => [token, type(shapes[token as keyof typeof shapes] as ObjectShape)]),
);

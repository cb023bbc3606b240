import type { ArgumentsType } from "../sdk-shapes.js";

/** The resources that the stand-in has, and where the SDK has the type of their arguments. One module each: the package's whole index takes twice as long to check. */
export const awsArguments = {
  "aws:budgets/budget:Budget": ["@pulumi/aws/budgets/budget.js", "BudgetArgs"],
  "aws:cloudwatch/logGroup:LogGroup": ["@pulumi/aws/cloudwatch/logGroup.js", "LogGroupArgs"],
  "aws:cloudwatch/metricAlarm:MetricAlarm": ["@pulumi/aws/cloudwatch/metricAlarm.js", "MetricAlarmArgs"],
  "aws:ebs/volume:Volume": ["@pulumi/aws/ebs/volume.js", "VolumeArgs"],
  "aws:ec2/instance:Instance": ["@pulumi/aws/ec2/instance.js", "InstanceArgs"],
  "aws:ec2/internetGateway:InternetGateway": ["@pulumi/aws/ec2/internetGateway.js", "InternetGatewayArgs"],
  "aws:ec2/routeTable:RouteTable": ["@pulumi/aws/ec2/routeTable.js", "RouteTableArgs"],
  "aws:ec2/routeTableAssociation:RouteTableAssociation": [
    "@pulumi/aws/ec2/routeTableAssociation.js",
    "RouteTableAssociationArgs",
  ],
  "aws:ec2/securityGroup:SecurityGroup": ["@pulumi/aws/ec2/securityGroup.js", "SecurityGroupArgs"],
  "aws:ec2/subnet:Subnet": ["@pulumi/aws/ec2/subnet.js", "SubnetArgs"],
  "aws:ec2/volumeAttachment:VolumeAttachment": ["@pulumi/aws/ec2/volumeAttachment.js", "VolumeAttachmentArgs"],
  "aws:ec2/vpc:Vpc": ["@pulumi/aws/ec2/vpc.js", "VpcArgs"],
  "aws:iam/instanceProfile:InstanceProfile": ["@pulumi/aws/iam/instanceProfile.js", "InstanceProfileArgs"],
  "aws:iam/role:Role": ["@pulumi/aws/iam/role.js", "RoleArgs"],
  "aws:iam/rolePolicy:RolePolicy": ["@pulumi/aws/iam/rolePolicy.js", "RolePolicyArgs"],
  "aws:kms/alias:Alias": ["@pulumi/aws/kms/alias.js", "AliasArgs"],
  "aws:kms/key:Key": ["@pulumi/aws/kms/key.js", "KeyArgs"],
  "aws:s3/bucket:Bucket": ["@pulumi/aws/s3/bucket.js", "BucketArgs"],
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": [
    "@pulumi/aws/s3/bucketLifecycleConfiguration.js",
    "BucketLifecycleConfigurationArgs",
  ],
  "aws:s3/bucketPolicy:BucketPolicy": ["@pulumi/aws/s3/bucketPolicy.js", "BucketPolicyArgs"],
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": [
    "@pulumi/aws/s3/bucketPublicAccessBlock.js",
    "BucketPublicAccessBlockArgs",
  ],
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": [
    "@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js",
    "BucketServerSideEncryptionConfigurationArgs",
  ],
  "aws:sns/topic:Topic": ["@pulumi/aws/sns/topic.js", "TopicArgs"],
  "aws:sns/topicSubscription:TopicSubscription": ["@pulumi/aws/sns/topicSubscription.js", "TopicSubscriptionArgs"],
} as const satisfies Record<string, ArgumentsType>;

/*
 * Who may what, as documents of IAM's. Each statement allows one thing; where AWS lets an action be allowed on everything alone, it says why.
 */

const document = (...statements: readonly (object | false)[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements.filter((one) => one !== false) });

/** What a machine may tell CloudWatch. */
export interface MachineTells {
  /** Metrics, in our name space alone. */
  readonly metrics: boolean;
  /** Log lines, to the group with this ARN alone. */
  readonly logGroup: string | undefined;
}

/** EC2 alone may take the machines' role. Pure. */
export const trustOfMachines = (): string =>
  document({ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" });

/**
 * What a machine may: take commands from Systems Manager, and answer them. None of these actions can be allowed on one thing alone. `AmazonSSMManagedInstanceCore` would also let it
 * read every parameter of the account. Keys come to it sealed, and its bundle by a link: so it needs no right to a secret or a bucket. Where it is asked for, it also tells CloudWatch how
 * its worker is. Pure.
 */
export const rightsOfMachines = ({ metrics, logGroup }: MachineTells): string =>
  document(
    {
      Sid: "TakeCommands",
      Effect: "Allow",
      Action: [
        "ssm:UpdateInstanceInformation",
        "ssm:ListInstanceAssociations",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
        "ec2messages:AcknowledgeMessage",
        "ec2messages:DeleteMessage",
        "ec2messages:FailMessage",
        "ec2messages:GetEndpoint",
        "ec2messages:GetMessages",
        "ec2messages:SendReply",
      ],
      Resource: "*",
    },
    metrics && {
      Sid: "TellMetrics",
      Effect: "Allow",
      Action: "cloudwatch:PutMetricData", // which AWS lets be allowed on everything alone
      Resource: "*",
      Condition: { StringEquals: { "cloudwatch:namespace": "Lightchain" } },
    },
    logGroup !== undefined && {
      Sid: "TellLogLines",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: `${logGroup}:*`, // the group's streams, which are named when a sidecar starts
    },
  );

/** EventBridge's schedules alone may take the role that brings machines back. Pure. */
export const trustOfSchedules = (): string =>
  document({ Effect: "Allow", Principal: { Service: "scheduler.amazonaws.com" }, Action: "sts:AssumeRole" });

/** What a schedule may: start and stop this stack's machines, which are known by their tag: their ids are not known yet. Pure. */
export const rightsOfSchedules = (region: string, stack: string): string =>
  document({
    Sid: "BringMachinesBack",
    Effect: "Allow",
    Action: ["ec2:StartInstances", "ec2:StopInstances"],
    Resource: `arn:aws:ec2:${region}:*:instance/*`,
    Condition: { StringEquals: { "aws:ResourceTag/lightchain:stack": stack } },
  });

/** A bucket that is asked over TLS only. Pure. @param arn of the bucket */
export const onlyByTls = (arn: string): string =>
  document({
    Sid: "OnlyByTls",
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  });

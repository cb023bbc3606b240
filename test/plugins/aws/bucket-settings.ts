import type {
  LifecycleRule,
  S3,
  ServerSideEncryptionRule,
  ServerSideEncryption,
  ExpirationStatus,
} from "@aws-sdk/client-s3";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType, sameJson, type AwsType } from "./aws-type.js";
import { s3In } from "./clients.js";
import { doing, ifThere } from "./refusals.js";

/** One of the settings of a bucket, which is made and changed by the same call and has the bucket's name for its id. */
interface Setting extends Pick<AwsType, "done" | "json" | "seen"> {
  /** As the real provider calls it. */
  readonly title: string;
  /** What AWS says when there is none. */
  readonly none: string;
  /** What else makes another one. */
  readonly replaces?: readonly string[];
  readonly put: (s3: S3, Bucket: string, given: Properties) => Promise<unknown>;
  /** @returns inputs as they are there */
  readonly get: (s3: S3, Bucket: string, given: Properties) => Promise<Properties>;
  readonly remove: (s3: S3, Bucket: string) => Promise<unknown>;
}

const settingOf = (inputs: ObjectShape, setting: Setting) => {
  const { title, none, put, get, remove } = setting;
  const s3Of = ({ region }: Properties): Promise<S3> => s3In(String(region));
  return awsType(inputs, {
    done: ["bucket", ...setting.done],
    computed: [],
    replaces: ["bucket", ...(setting.replaces ?? [])],
    seen: setting.seen ?? [],
    json: setting.json ?? [],
    make: async (given) => {
      const id = String(given["bucket"]);
      await doing(`creating S3 Bucket (${id}) ${title}`, put(await s3Of(given), id, given));
      return id;
    },
    look: async (id, given) =>
      doing(
        `reading S3 Bucket (${id}) ${title}`,
        ifThere(get(await s3Of(given), id, given), none, "NoSuchBucket", "NotFound"),
      ),
    change: async (id, given) => {
      await doing(`updating S3 Bucket (${id}) ${title}`, put(await s3Of(given), id, given));
    },
    remove: async (id, state) => {
      await doing(
        `deleting S3 Bucket (${id}) ${title}`,
        ifThere(remove(await s3Of(state), id), none, "NoSuchBucket", "NotFound"),
      );
    },
  });
};

/** `aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock` (`s3/bucket_public_access_block.go`). */
export const publicAccessBlock = (inputs: ObjectShape) =>
  settingOf(inputs, {
    done: ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"],
    seen: ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"],
    title: "Public Access Block",
    none: "NoSuchPublicAccessBlockConfiguration",
    put: (s3, Bucket, given) =>
      s3.putPublicAccessBlock({
        Bucket,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: given["blockPublicAcls"] === true,
          BlockPublicPolicy: given["blockPublicPolicy"] === true,
          IgnorePublicAcls: given["ignorePublicAcls"] === true,
          RestrictPublicBuckets: given["restrictPublicBuckets"] === true,
        },
      }),
    get: async (s3, Bucket) => {
      const { PublicAccessBlockConfiguration: found = {} } = await s3.getPublicAccessBlock({ Bucket });
      return {
        ...{ blockPublicAcls: found.BlockPublicAcls ?? false, blockPublicPolicy: found.BlockPublicPolicy ?? false },
        ignorePublicAcls: found.IgnorePublicAcls ?? false,
        restrictPublicBuckets: found.RestrictPublicBuckets ?? false,
      };
    },
    remove: (s3, Bucket) => s3.deletePublicAccessBlock({ Bucket }),
  });

/** `aws:s3/bucketPolicy:BucketPolicy` (`s3/bucket_policy.go`). */
export const bucketPolicy = (inputs: ObjectShape) =>
  settingOf(inputs, {
    done: ["policy"],
    seen: ["policy"],
    json: ["policy"],
    title: "Policy",
    none: "NoSuchBucketPolicy",
    put: (s3, Bucket, { policy }) => s3.putBucketPolicy({ Bucket, Policy: String(policy) }),
    get: async (s3, Bucket, { policy }) => ({
      policy: sameJson(policy, (await s3.getBucketPolicy({ Bucket })).Policy),
    }),
    remove: (s3, Bucket) => s3.deleteBucketPolicy({ Bucket }),
  });

interface EncryptionRule {
  readonly applyServerSideEncryptionByDefault?: {
    readonly sseAlgorithm: ServerSideEncryption;
    readonly kmsMasterKeyId?: string;
  };
  readonly bucketKeyEnabled?: boolean;
}

/** `aws:s3/bucketServerSideEncryptionConfiguration:…` (`s3/bucket_server_side_encryption_configuration.go`). */
export const bucketEncryption = (inputs: ObjectShape) =>
  settingOf(inputs, {
    done: ["rules.applyServerSideEncryptionByDefault", "rules.bucketKeyEnabled"],
    replaces: ["expectedBucketOwner"],
    title: "Server-side Encryption Configuration",
    none: "ServerSideEncryptionConfigurationNotFoundError",
    put: (s3, Bucket, { rules }) => {
      const Rules = (rules as EncryptionRule[]).map(encryptionRule);
      return s3.putBucketEncryption({ Bucket, ServerSideEncryptionConfiguration: { Rules } });
    },
    get: async (s3, Bucket) => {
      await s3.getBucketEncryption({ Bucket });
      return {};
    },
    remove: (s3, Bucket) => s3.deleteBucketEncryption({ Bucket }),
  });

const encryptionRule = ({
  applyServerSideEncryptionByDefault: by,
  bucketKeyEnabled,
}: EncryptionRule): ServerSideEncryptionRule => ({
  BucketKeyEnabled: bucketKeyEnabled === true,
  ...(by === undefined
    ? {}
    : {
        ApplyServerSideEncryptionByDefault: {
          SSEAlgorithm: by.sseAlgorithm,
          ...(by.kmsMasterKeyId === undefined ? {} : { KMSMasterKeyID: by.kmsMasterKeyId }),
        },
      }),
});

interface Expiry {
  readonly id: string;
  readonly status: ExpirationStatus;
  readonly filter?: { readonly prefix?: string };
  readonly expiration?: { readonly days?: number };
  readonly noncurrentVersionExpiration?: { readonly noncurrentDays: number };
  readonly abortIncompleteMultipartUpload?: { readonly daysAfterInitiation?: number };
}

/** `aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration` (`s3/bucket_lifecycle_configuration.go`). */
export const bucketLifecycle = (inputs: ObjectShape) =>
  settingOf(inputs, {
    done: [
      ...["rules.id", "rules.status", "rules.filter.prefix", "rules.expiration.days"],
      ...["rules.noncurrentVersionExpiration.noncurrentDays", "rules.abortIncompleteMultipartUpload"],
    ],
    replaces: ["expectedBucketOwner"],
    title: "Lifecycle Configuration",
    none: "NoSuchLifecycleConfiguration",
    put: (s3, Bucket, { rules }) => {
      const Rules = ((rules ?? []) as Expiry[]).map(lifecycleRule);
      return s3.putBucketLifecycleConfiguration({ Bucket, LifecycleConfiguration: { Rules } });
    },
    get: async (s3, Bucket) => {
      await s3.getBucketLifecycleConfiguration({ Bucket });
      return {};
    },
    remove: (s3, Bucket) => s3.deleteBucketLifecycle({ Bucket }),
  });

const lifecycleRule = (rule: Expiry): LifecycleRule => ({
  ...{ ID: rule.id, Status: rule.status, Filter: { Prefix: rule.filter?.prefix ?? "" } },
  ...(rule.expiration?.days === undefined ? {} : { Expiration: { Days: rule.expiration.days } }),
  ...(rule.noncurrentVersionExpiration === undefined
    ? {}
    : { NoncurrentVersionExpiration: { NoncurrentDays: rule.noncurrentVersionExpiration.noncurrentDays } }),
  ...(rule.abortIncompleteMultipartUpload?.daysAfterInitiation === undefined
    ? {}
    : {
        AbortIncompleteMultipartUpload: {
          DaysAfterInitiation: rule.abortIncompleteMultipartUpload.daysAfterInitiation,
        },
      }),
});

import type { S3 } from "@aws-sdk/client-s3";
import type { ObjectShape } from "../engine/shape.js";
import type { Properties } from "../engine/values.js";
import { awsType } from "./aws-type.js";
import { s3In } from "./clients.js";
import { doing, ifThere, isRefusal } from "./refusals.js";
import { listed, tagsIn, unlisted } from "./tags.js";

const s3Of = ({ region }: Properties): Promise<S3> => s3In(String(region));

/** `aws:s3/bucket:Bucket` (`s3/bucket.go`). */
export const bucket = (inputs: ObjectShape) =>
  awsType(inputs, {
    done: ["bucket", "forceDestroy", "tags"],
    computed: ["arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName"],
    replaces: ["bucket", "bucketPrefix", "objectLockEnabled"],
    autoName: { property: "bucket", longest: 63, change: (name) => name.toLowerCase() },
    make: async (given) => {
      const [Bucket, place] = [String(given["bucket"]), String(given["region"])];
      // us-east-1 is where a bucket is that names no place, and must not be named
      const where =
        place === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: place as "eu-west-1" } };
      await doing(`creating S3 Bucket (${Bucket})`, (await s3Of(given)).createBucket({ Bucket, ...where }));
      return Bucket;
    },
    finish: async (id, given) => {
      if (Object.keys(tagsIn(given)).length > 0) await tag(await s3Of(given), id, given);
    },
    look: async (id, given) => {
      const s3 = await s3Of(given);
      const there = await doing(`reading S3 Bucket (${id})`, ifThere(s3.headBucket({ Bucket: id }), "NotFound"));
      if (there === undefined) return undefined;
      const tagging = await ifThere(s3.getBucketTagging({ Bucket: id }), "NoSuchTagSet");
      const region = String(given["region"]);
      return {
        ...{ bucket: id, arn: `arn:aws:s3:::${id}`, tags: unlisted(tagging?.TagSet), bucketRegion: region },
        bucketDomainName: `${id}.s3.amazonaws.com`,
        bucketRegionalDomainName: `${id}.s3.${region}.amazonaws.com`,
      };
    },
    change: async (id, given) => tag(await s3Of(given), id, given),
    remove: async (id, state) => {
      const s3 = await s3Of(state);
      const gone = async (): Promise<unknown> => ifThere(s3.deleteBucket({ Bucket: id }), "NoSuchBucket");
      const what = `deleting S3 Bucket (${id})`;
      try {
        await doing(what, gone());
      } catch (error) {
        if (!isRefusal(error, ["BucketNotEmpty"]) || state["forceDestroy"] !== true) throw error;
        await doing(`emptying S3 Bucket (${id})`, empty(s3, id));
        await doing(what, gone());
      }
    },
  });

async function tag(s3: S3, Bucket: string, given: Properties): Promise<void> {
  const TagSet = listed(tagsIn(given));
  const what = `updating tags for S3 Bucket (${Bucket})`;
  if (TagSet.length > 0) await doing(what, s3.putBucketTagging({ Bucket, Tagging: { TagSet } }));
  else await doing(what, s3.deleteBucketTagging({ Bucket }));
}

/** Takes every object away with all its versions. */
async function empty(s3: S3, Bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.listObjectVersions({ Bucket });
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length === 0) return;
    const { Errors = [] } = await s3.deleteObjects({ Bucket, Delete: { Objects, Quiet: true } });
    const [first] = Errors;
    if (first !== undefined) throw new Error(`${first.Code ?? ""}: ${first.Message ?? ""} (${first.Key ?? ""})`);
  }
}

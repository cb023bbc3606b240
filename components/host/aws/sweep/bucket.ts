import type * as S3Module from "@aws-sdk/client-s3";
import { hasTag, isNamed, load, settings, stackTag, type KindOf, type Tags } from "./kind.js";

/** Empty buckets. Of a run that was killed right after a bucket's making, it has no tags yet. */
export const buckets: KindOf = ({ region, name, stack }) => {
  const s3 = load("@aws-sdk/client-s3") as typeof S3Module;
  const client = new s3.S3Client(settings(region));
  const tagsOf = async (Bucket: string): Promise<Tags> => {
    try {
      return (await client.send(new s3.GetBucketTaggingCommand({ Bucket }))).TagSet ?? [];
    } catch (error) {
      if (error instanceof Error && error.name === "NoSuchTagSet") return [];
      throw error;
    }
  };
  return {
    client,
    action: "s3:ListAllMyBuckets, s3:GetBucketTagging and s3:DeleteBucket",
    found: async () => {
      const { Buckets = [] } = await client.send(
        new s3.ListBucketsCommand({ Prefix: `${name}-bundles-`, BucketRegion: region }),
      );
      const found: string[] = [];
      for (const { Name = "" } of Buckets) {
        if (!isNamed(Name, [`${name}-bundles`])) continue;
        const tags = await tagsOf(Name);
        if (tags.length === 0 || hasTag(tags, stackTag, stack)) found.push(Name);
      }
      return found;
    },
    remove: (Bucket) => client.send(new s3.DeleteBucketCommand({ Bucket })),
  };
};

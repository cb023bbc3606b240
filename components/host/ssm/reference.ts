import { z } from "zod";

/** The way to an EC2 instance through Systems Manager, as it rests in state. Nothing of it is a secret: who may go it is AWS's own matter. */
export const ssmWay = {
  /** For instance `eu-central-1`. */
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region such as eu-central-1"),
  /** The instance, by its id or by a tag that no other one has. By its tag, one that is replaced is the same host. */
  instance: z.union(
    [z.string().regex(/^i-[0-9a-f]{8,17}$/), z.strictObject({ tag: z.string().min(1), value: z.string().min(1) })],
    "an instance's id (i-…), or { tag, value }",
  ),
  /** The bucket through which the bundle comes, below `lightchain-fleet/bundles`. The instance's role needs no right to it. */
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name"),
  /** The role by which a schedule may start and stop it (ARN). Left out: it is never stopped while its worker only waits to leave. */
  returns: z.string().startsWith("arn:", "a role's ARN").optional(),
} as const;
/** {@link ssmWay} as a schema. */
export const ssmWaySchema = z.strictObject(ssmWay);
export type SsmWay = z.infer<typeof ssmWaySchema>;

/** What is learnt of the way once it has been gone. */
export const learntSsmWay = {
  /** The account that the instance was found in. */
  account: z.string().optional(),
} as const;
export type LearntSsmWay = { readonly account?: string | undefined };

/** The way as an operator states it. */
export const statedSsmWaySchema = z.strictObject({
  ...ssmWay,
  /** How long an instance that is only booting is waited for (ms). */
  bootMs: z.number().int().nonnegative().max(3_600_000).default(600_000),
});
export type StatedSsmWay = z.infer<typeof statedSsmWaySchema>;

/** Which machine, for a person. Pure. */
export const instanceName = ({ region, instance }: Pick<SsmWay, "region" | "instance">): string =>
  `${typeof instance === "string" ? instance : `${instance.tag}=${instance.value}`} in ${region}`;

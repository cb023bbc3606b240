import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type * as S3Module from "@aws-sdk/client-s3";
import type * as PresignerModule from "@aws-sdk/s3-request-presigner";
import type { Hash } from "../../../schema/units.js";
import { asking } from "./refusal.js";
import { archiveFile, sha256Of } from "../bundle-archive.js";
import type { RemoteShell } from "../shell/remote-shell.js";
import { script } from "../shell/command-line.js";
import { UploadFailed } from "../shell/errors.js";
import { reasonIn } from "../shell/put-bundle.js";
import { instanceName, type SsmWay } from "./reference.js";

/** Where a bundle lies in a bucket: by its content, so that what is there is never another one. Pure. */
export const bundleKey = (hash: Hash, sha256: string): string =>
  `lightchain-fleet/bundles/${hash.slice(2, 18)}-${sha256.slice(0, 16)}.tar.gz`;

/** Seconds that the instance has to begin to fetch. */
const fetchWithinSeconds = 900;

/**
 * Puts a bundle's archive into the bucket unless it is there, and has the instance fetch it by a link that lasts a quarter of an hour and leads to this one object: its role
 * needs no right to the bucket.
 * @param archive where it is to be, seen from the home there
 * @throws AwsRefused LF1591, UploadFailed LF1535
 */
export async function deliverBundle(
  shell: RemoteShell,
  way: SsmWay,
  {
    root,
    source,
    hash,
    archive,
  }: { readonly root: string; readonly source: string; readonly hash: Hash; readonly archive: string },
): Promise<void> {
  const { region, bucket } = way;
  const load = createRequire(__filename); // by whoever has such a host, and by nobody else
  const s3 = load("@aws-sdk/client-s3") as typeof S3Module;
  const { getSignedUrl } = load("@aws-sdk/s3-request-presigner") as typeof PresignerModule;
  const client = new s3.S3Client({ region, retryMode: "adaptive", maxAttempts: 6 });
  const file = await archiveFile(source);
  const sha256 = await sha256Of(file);
  const Key = bundleKey(hash, sha256);
  await asking(client, { action: `s3:PutObject or s3:GetObject on ${bucket}/${Key}`, region }, async () => {
    await store(s3, client, { bucket, key: Key, file, sha256 });
    const link = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket: bucket, Key }), {
      expiresIn: fetchWithinSeconds,
    });
    const { code, stderr } = await shell.run({ words: fetchScript(archive, sha256), input: `${link}\n` });
    if (code !== 0) throw new UploadFailed(instanceName(way), root, reasonIn(stderr));
  });
}

async function store(
  s3: typeof S3Module,
  client: S3Module.S3Client,
  { bucket, key, file, sha256 }: { bucket: string; key: string; file: string; sha256: string },
): Promise<void> {
  try {
    await client.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: key }));
  } catch (error) {
    // Whoever may not list a bucket is told of everything that is not there that it may not be seen. Such an answer has no body, and so no name.
    if (!(error instanceof s3.S3ServiceException) || ![403, 404].includes(error.$metadata.httpStatusCode ?? 0))
      throw error;
    await client.send(
      new s3.PutObjectCommand({
        // Not as a stream, which could not be sent a second time: S3 is too busy now and then.
        ...{ Bucket: bucket, Key: key, Body: await readFile(file) },
        ChecksumSHA256: Buffer.from(sha256, "hex").toString("base64"),
        ServerSideEncryption: "AES256",
      }),
    );
  }
}

/** Fetches what a link on standard input leads to, which so is in no argument, and holds it to its checksum. Pure. */
export const fetchScript = (archive: string, sha256: string): readonly string[] =>
  script(
    [
      "umask 077",
      "read -r u",
      'gone() { echo "$1" >&2; rm -f -- "$2"; exit 1; }',
      'command -v curl >/dev/null || gone "there is no curl on it" "$1"',
      'o=$(echo "url = \\"$u\\"" | curl -sS -f -m 600 --retry 3 -K - -o "$1" 2>&1) || gone "the bundle cannot be fetched: $o" "$1"',
      'echo "$2  $1" | sha256sum -c - >/dev/null 2>&1 || gone "what was fetched is not the bundle" "$1"',
    ],
    archive,
    sha256,
  );

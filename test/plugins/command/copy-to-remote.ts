import { readdirSync, statSync } from "node:fs";
import { basename, join, posix } from "node:path";
import type { Client, SFTPWrapper } from "ssh2";
import type { ResourceType, Work } from "../engine/resource-type.js";
import type { Failure, ObjectShape } from "../engine/shape.js";
import { asAsset, same, type Properties } from "../engine/values.js";
import { withConnection, withConnectionDefaults } from "./connection.js";

/**
 * `command:remote:CopyToRemote`: a file, a text or a folder, copied over SFTP (`copyController.go`). A change copies again when the content or the
 * remote path is another one; nothing is ever removed there, by a delete neither.
 */
export const copyToRemote = (inputs: ObjectShape): ResourceType => ({
  inputs,
  computed: [],
  replaces: ["triggers"],
  withDefaults: withConnectionDefaults,
  check,
  create: copy,
  update: async (given, before, work) => {
    const isNew = !same(given["source"], before["source"]) || given["remotePath"] !== before["remotePath"];
    return isNew ? copy(given, work) : {};
  },
  delete: async () => undefined,
});

function check(inputs: Properties): Failure[] {
  const source = asAsset(inputs["source"]);
  if (source === undefined || source.path !== undefined || source.text !== undefined) return [];
  const reason =
    source.kind === "asset"
      ? "asset must be a path-based file asset or a text asset"
      : "archive must be a path to a file or directory";
  return [{ property: source.kind, reason }];
}

async function copy(inputs: Properties, work: Work): Promise<Properties> {
  const source = asAsset(inputs["source"]);
  const to = String(inputs["remotePath"]);
  await withConnection(inputs, work, async (client) => {
    const sftp = await openSftp(client);
    try {
      await makeFolder(sftp, posix.dirname(to));
      if (source?.path !== undefined) await copyPath(sftp, source.path, to);
      else await writeText(sftp, source?.text ?? "", to);
    } finally {
      sftp.end();
    }
  });
  return {};
}

/**
 * Where a copy goes depends on what is there:
 * a folder goes into the remote one under its own name, or as its content where its path ends with a slash; a file goes into a folder, else becomes that file.
 */
async function copyPath(sftp: SFTPWrapper, from: string, to: string): Promise<void> {
  const there = await kindAt(sftp, to);
  if (!statSync(from).isDirectory()) return put(sftp, from, there === "folder" ? posix.join(to, basename(from)) : to);
  if (there === "file") throw new Error(`remote path ${to} exists but is not a directory`);
  await makeFolder(sftp, to);
  await copyFolder(sftp, from, from.endsWith("/") ? to : posix.join(to, basename(from)));
}

async function copyFolder(sftp: SFTPWrapper, from: string, to: string): Promise<void> {
  if ((await kindAt(sftp, to)) === "file") throw new Error(`remote path ${to} exists but is not a directory`);
  await makeFolder(sftp, to);
  for (const name of readdirSync(from).sort()) {
    const path = join(from, name);
    if (statSync(path).isDirectory()) await copyFolder(sftp, path, posix.join(to, name));
    else await put(sftp, path, posix.join(to, name));
  }
}

const openSftp = (client: Client): Promise<SFTPWrapper> =>
  new Promise((resolve, reject) => {
    client.once("close", () => reject(new Error("the connection was closed")));
    client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)));
  });

const kindAt = (sftp: SFTPWrapper, path: string): Promise<"file" | "folder" | undefined> =>
  new Promise((resolve, reject) => {
    sftp.stat(path, (error, stats) => {
      if (!error) resolve(stats.isDirectory() ? "folder" : "file");
      else if ((error as { code?: unknown }).code === noSuchFile) resolve(undefined);
      else reject(new Error(`failed to stat remote path ${path}: ${error.message}`));
    });
  });
const noSuchFile = 2; // SSH_FX_NO_SUCH_FILE

async function makeFolder(sftp: SFTPWrapper, path: string): Promise<void> {
  if (path === "." || (await kindAt(sftp, path)) !== undefined) return;
  await makeFolder(sftp, posix.dirname(path));
  await new Promise<void>((resolve, reject) => {
    sftp.mkdir(path, (error) =>
      error ? reject(new Error(`failed to create remote directory ${path}: ${error.message}`)) : resolve(),
    );
  });
}

const put = (sftp: SFTPWrapper, from: string, to: string): Promise<void> =>
  new Promise((resolve, reject) => {
    sftp.fastPut(from, to, (error) =>
      error ? reject(new Error(`failed to copy file ${from} to remote path ${to}: ${error.message}`)) : resolve(),
    );
  });

async function writeText(sftp: SFTPWrapper, text: string, to: string): Promise<void> {
  if ((await kindAt(sftp, to)) === "folder")
    throw new Error(`remote path ${to} is a directory; when using a text asset, remotePath must be a file path`);
  await new Promise<void>((resolve, reject) => {
    sftp.writeFile(to, text, (error) =>
      error ? reject(new Error(`failed to create remote file ${to}: ${error.message}`)) : resolve(),
    );
  });
}

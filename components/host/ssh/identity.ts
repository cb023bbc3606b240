import { open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describeError } from "../../../schema/errors.js";
import { SecretFileUnusable } from "./errors.js";
import type { SshIdentity } from "./reference.js";
import { ssh2 } from "./ssh2.js";

/** Who we are, as ssh2 is told, and as a person is. */
export interface Credentials {
  readonly auth: { readonly agent: string } | { readonly privateKey: Buffer };
  /** For instance `the key /home/me/.ssh/id_ed25519`. */
  readonly by: string;
}

/** Looks up who we are: the agent's socket, or the key itself, which is read anew for each login and kept nowhere. @throws SecretFileUnusable LF1536 */
export async function credentialsOf(identity: SshIdentity): Promise<Credentials> {
  if ("keyFile" in identity) return keyIn(expanded(identity.keyFile));
  const named = identity.agent === "$SSH_AUTH_SOCK" ? process.env["SSH_AUTH_SOCK"] : expanded(identity.agent);
  if (named === undefined || named === "")
    throw new SecretFileUnusable(
      "SSH_AUTH_SOCK",
      "names no ssh-agent",
      'eval "$(ssh-agent)"; ssh-add; then run the same command again.',
    );
  return { auth: { agent: named }, by: `the keys that the agent at ${named} holds` };
}

async function keyIn(path: string): Promise<Credentials> {
  const privateKey = await readSecretFile(path);
  const { utils } = await ssh2();
  const key = utils.parseKey(privateKey);
  if (!(key instanceof Error)) return { auth: { privateKey }, by: `the key ${path}` };
  privateKey.fill(0);
  if (/encrypted|passphrase/i.test(key.message))
    throw new SecretFileUnusable(
      path,
      "is protected by a passphrase, which nobody is there to type",
      `use ssh-agent: ssh-add ${path}; then set identity to { agent: "$SSH_AUTH_SOCK" }.`,
    );
  throw new SecretFileUnusable(path, "holds no private key", "set identity to a file that ssh-keygen made.", key);
}

/** The password for `sudo`: the first line of a file. @throws SecretFileUnusable LF1536 */
export async function passwordIn(path: string): Promise<Buffer> {
  const content = await readSecretFile(expanded(path));
  const end = content.indexOf("\n");
  const password = end < 0 ? content : content.subarray(0, end);
  if (password.length === 0)
    throw new SecretFileUnusable(path, "has an empty first line", "write the password into its first line.");
  return password;
}

/** Reads a file that nobody but its owner can read. */
async function readSecretFile(path: string): Promise<Buffer> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw new SecretFileUnusable(path, "cannot be read", `correct its path: ${describeError(error)}.`, error);
  });
  try {
    const { mode } = await file.stat(); // of the very file that is read, whatever is put in its place meanwhile
    if ((mode & 0o077) !== 0)
      throw new SecretFileUnusable(path, "can be read by others than its owner", `chmod 600 ${path}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

const expanded = (path: string): string => (path.startsWith("~/") ? join(homedir(), path.slice(2)) : path);

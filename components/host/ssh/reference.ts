import { z } from "zod";
import { hostKeyLine } from "./host-key.js";

/** Said instead of a host key, by the operator alone: take the one that is shown at the first contact, and hold the host to it from then on. */
export const learn = "learn";

const pinned = z
  .string()
  .refine((text) => hostKeyLine(text) === text, 'a host key such as "ssh-ed25519 AAAA…" (ssh-keyscan shows it)');

const endpoint = {
  /** Name or IP address. */
  address: z.string().regex(/^[A-Za-z0-9_.:%-]+$/, "a host name or an IP address"),
  port: z.number().int().min(1).max(65_535).default(22),
  user: z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user's name"),
};

/** A machine that is reached by SSH and held to its key. */
export const sshServerSchema = z.object({ ...endpoint, hostKey: pinned });
export type SshServer = z.infer<typeof sshServerSchema>;
/** The same as an operator may state it: the key perhaps still to be learnt. */
const statedServerSchema = z.object({
  ...endpoint,
  hostKey: z
    .string()
    .refine(
      (text) => text === learn || hostKeyLine(text) === text,
      'is "ssh-ed25519 AAAA…" (ssh-keyscan shows it), or "learn"',
    ),
});

const path = z.string().regex(/^(\/|~\/).+/, "an absolute path, or one that begins with ~/");

/** Who we are there. Only ever where a secret is, never the secret. */
const identitySchema = z.union(
  [
    /** The socket of an ssh-agent, or `$SSH_AUTH_SOCK` for the one of whoever runs Pulumi. */
    z.strictObject({ agent: z.union([z.literal("$SSH_AUTH_SOCK"), path]) }),
    /** A private key that only its owner can read and that no passphrase protects. */
    z.strictObject({ keyFile: path }),
  ],
  "is { agent: <path, or $SSH_AUTH_SOCK> } or { keyFile: <path> }",
);
export type SshIdentity = z.infer<typeof identitySchema>;

/** How we become root there. `passwordFile`: holds the user's password in its first line, and only its owner can read it. */
const sudoSchema = z.union(
  [z.enum(["none", "passwordless"]), z.strictObject({ passwordFile: path })],
  'is "none", "passwordless" or { passwordFile: <path> }',
);
export type Sudo = z.infer<typeof sudoSchema>;

/** The way to a host by SSH, as it rests in state: nothing secret, every key known. */
export const sshWay = {
  server: sshServerSchema,
  /** A machine to go through; `null`: none. */
  bastion: sshServerSchema.nullable().default(null),
  identity: identitySchema,
  sudo: sudoSchema.default("none"),
} as const;
/** {@link sshWay} as a schema. */
export const sshWaySchema = z.object(sshWay);
export type SshWay = z.infer<typeof sshWaySchema>;

/** The way as an operator states it. */
export const statedWaySchema = z.object({
  server: statedServerSchema,
  bastion: statedServerSchema.nullable().default(null),
  identity: identitySchema,
  sudo: sudoSchema.default("none"),
  /** How long a machine that is only booting is waited for (ms). */
  bootMs: z.number().int().nonnegative().max(3_600_000).default(300_000),
});
export type StatedWay = z.infer<typeof statedWaySchema>;

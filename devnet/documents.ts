import { join } from "node:path";
import { privateKeyToAccount } from "viem/accounts";
import { z } from "zod";
import { hexSchema, modelNameSchema } from "../schema/json.js";
import { addressSchema } from "../schema/network.js";
import type { Hex } from "../schema/units.js";
import { readIfPresent, writeAtomically } from "../system/files.js";

/** The files in a rehearsal network's folder. */
export const filesIn = (dir: string) => ({
  /** Held by the process that runs the network. */
  lock: join(dir, "lock"),
  /** `schema/network.ts`: what a worker or consumer needs. */
  network: join(dir, "network.json"),
  /** {@link accountsSchema}; readable by its owner alone. */
  accounts: join(dir, "accounts.json"),
  /** {@link runningSchema}; there only while the network runs. */
  running: join(dir, "devnet.json"),
  ports: join(dir, "ports.json"),
  setup: join(dir, "setup.json"),
  log: join(dir, "devnet.log"),
  chain: join(dir, "chain"),
});

const accountSchema = z
  .strictObject({ address: addressSchema, privateKey: hexSchema })
  .refine(({ address, privateKey }) => privateKeyToAccount(privateKey).address === address, "address and key differ");

/** Accounts with money of their own, made for one rehearsal network and worth nothing elsewhere. */
export const accountsSchema = z
  .strictObject({
    /** Owns the contracts. */
    owner: accountSchema,
    /** Rules on disputes. In folders from before it had an account of its own, the owner does. */
    disputer: accountSchema.optional(),
    /** Funds workers, as an operator's treasury does. */
    treasury: accountSchema,
    /** Vouches for sessions in dispatcher mode; in folders of before there was one, the owner does. */
    dispatcher: accountSchema.optional(),
    /** Ask and pay. */
    consumers: z.array(accountSchema).min(1),
  })
  .transform((accounts) => ({ ...accounts, disputer: accounts.disputer ?? accounts.owner }));
export type Accounts = z.infer<typeof accountsSchema>;

/** What tells others that the network runs, and how to steer it. */
export const runningSchema = z.strictObject({
  version: z.literal(1),
  /** The process that runs it. */
  pid: z.number().int().positive(),
  /** Base URL of the control API (`control.ts`). */
  control: z.url(),
  /** The network's models, and what Ollama is asked to pull, with `insecure`, to get each. */
  models: z.array(z.strictObject({ name: modelNameSchema, pull: z.string() })),
});
export type Running = z.infer<typeof runningSchema>;

const port = z.number().int().min(1).max(65_535);
/** The ports of a network: the same at every start, since workers are told them once. */
export const portsSchema = z.strictObject({
  rpc: port,
  beacon: port,
  gateway: port,
  relay: port,
  registry: port,
  dispatcher: port.optional(),
  control: port,
});
export type Ports = z.infer<typeof portsSchema>;

/** The owner's transactions that set the contracts up, kept so that a start that was cut off can be finished by the next. */
export const setupSchema = z.array(z.strictObject({ to: addressSchema, data: hexSchema }));

/** An account with its key. */
export const accountOf = (privateKey: Hex): z.infer<typeof accountSchema> => ({
  address: privateKeyToAccount(privateKey).address,
  privateKey,
});

/** A document of ours, `undefined` where there is none. @throws z.ZodError when it is damaged */
export async function readDocument<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readIfPresent(file);
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}

/** Writes a document that only the user can read: some hold keys, and none is anybody else's business. */
export const writeDocument = (file: string, content: unknown): Promise<void> =>
  writeAtomically(file, `${JSON.stringify(content, null, 2)}\n`, "private");

/** The document as an earlier start wrote it, or made and written now. */
export async function keep<T>(file: string, schema: z.ZodType<T>, make: () => T): Promise<T> {
  const known = await readDocument(file, schema);
  if (known !== undefined) return known;
  const made = make();
  await writeDocument(file, made);
  return made;
}

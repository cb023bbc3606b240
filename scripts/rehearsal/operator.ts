import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { getAddress } from "viem";
import { privateKeyToAddress, generatePrivateKey } from "viem/accounts";
import { openStore } from "../../keystore/open-store.js";
import { passphraseFrom } from "../../keystore/passphrase.js";
import type { RecordRef, SecretStore } from "../../keystore/store.js";
import { importTreasury } from "../../keystore/treasury.js";
import type { Network } from "../../schema/network.js";
import type { Address } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../../system/files.js";
import { freePort } from "../../system/net.js";
import type { Folders } from "./folders.js";

/** What an operator would have prepared by hand: a passphrase, a store with a funded treasury, an address to be paid back to, a stack config. */
export interface Operator {
  readonly store: SecretStore;
  readonly treasury: RecordRef;
  readonly refundTo: Address;
}

/** Prepares everything, or takes up what an earlier run prepared. */
export async function prepareOperator(
  folders: Folders,
  about: {
    network: Network;
    networkFile: string;
    treasuryKey: string;
    ollama: string;
    models: readonly { name: string; source: string; insecure: boolean }[];
    /** Further values of the stack's config, or other ones. */
    config: Readonly<Record<string, unknown>>;
  },
): Promise<Operator> {
  await ensureFolder(folders.root, "private");
  for (const folder of [folders.keys, folders.state, folders.logs])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const isFirst = (await readIfPresent(folders.passphrase)) === undefined;
  if (isFirst) await writeAtomically(folders.passphrase, `${randomBytes(24).toString("base64url")}\n`, "private");

  const store = openStore(`file:${folders.keys}`, {
    passphrase: passphraseFrom({ LIGHTCHAIN_PASSPHRASE_FILE: folders.passphrase }),
    clock: systemClock,
  });
  const treasury: RecordRef = `treasury/${about.network.chainId}/main`;
  if (!(await store.has(treasury)))
    await store.create(
      treasury,
      importTreasury({ chainId: about.network.chainId, name: "main" }, Buffer.from(about.treasuryKey)),
    );

  const refundTo = await readOrChooseRefund(folders);
  const ollamaPort = await chosenPort(folders);
  await ensureFolder(dirname(folders.stackConfig), "public");
  await writeAtomically(
    folders.stackConfig,
    (isFirst ? "" : await saltLine(folders)) + // of a passphrase that is gone, it would only be refused
      renderStackConfig({
        kind: "devnet",
        network: about.networkFile,
        hostRoot: folders.host,
        ollama: about.ollama,
        ollamaPort,
        models: about.models,
        store: store.url,
        treasury: { store: store.url, ref: treasury },
        refundTo,
        ...about.config,
      }),
    "private",
  );
  return { store, treasury, refundTo };
}

/** A stack's config as Pulumi reads it, without what is `undefined`. YAML is a superset of JSON, so that each value is written as JSON. Pure. */
export function renderStackConfig(values: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `  lightchain-fleet:${key}: ${JSON.stringify(value)}`);
  return ["config:", ...lines, ""].join("\n");
}

/** The engine keeps the salt of a stack's passphrase in its config. */
async function saltLine(folders: Folders): Promise<string> {
  return /^encryptionsalt: .*\n/m.exec((await readIfPresent(folders.stackConfig)) ?? "")?.[0] ?? "";
}

/** A cold address: its key is thrown away at once, since nothing is ever sent from it here. */
async function readOrChooseRefund(folders: Folders): Promise<Address> {
  const known = /refundTo: "(0x[0-9a-fA-F]{40})"/.exec((await readIfPresent(folders.stackConfig)) ?? "")?.[1];
  return known === undefined ? privateKeyToAddress(generatePrivateKey()) : getAddress(known);
}

/** The same port on every run of one rehearsal, so that a second `up` changes nothing. The engine writes numbers of the config back in quotes. */
async function chosenPort(folders: Folders): Promise<number> {
  const known = /ollamaPort: "?(\d+)/.exec((await readIfPresent(folders.stackConfig)) ?? "")?.[1];
  return known === undefined ? freePort() : Number(known);
}

/** Lines for a shell that make plain `npx pulumi` work on this rehearsal. Pure. */
export function renderEnvironment(environment: Readonly<Record<string, string>>): string {
  const names = [
    "PATH",
    "PULUMI_HOME",
    "PULUMI_BACKEND_URL",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_SKIP_UPDATE_CHECK",
    "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
    "NODE_COMPILE_CACHE",
    "LIGHTCHAIN_PASSPHRASE_FILE",
  ];
  return names
    .filter((name) => environment[name] !== undefined)
    .map((name) => `export ${name}='${(environment[name] ?? "").replaceAll("'", `'\\''`)}'\n`)
    .join("");
}

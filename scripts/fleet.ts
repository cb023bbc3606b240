#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { formatEther } from "viem";
import { openHost } from "../components/host/host.js";
import { ask } from "../components/service/status.js";
import { newRecoveryKey } from "../keystore/backup.js";
import { openStore } from "../keystore/open-store.js";
import { passphraseFrom } from "../keystore/passphrase.js";
import type { RecordRef, SealedBackup, SecretStore } from "../keystore/store.js";
import type { ControlRequest, SidecarStatus } from "../schema/control.js";
import { describeError, FleetError } from "../schema/errors.js";
import { toJson } from "../schema/json.js";
import { systemClock } from "../system/clock.js";
import { writeAtomically } from "../system/files.js";
import { addLifecycleCommands } from "./ops/commands.js";

/* fleet: what an operator asks a worker, safer ups and destroys, and the backup of the keys. */
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const program = new Command("fleet").description(
  "Take a worker through its life, ask it how it is, keep its keys safe.",
);
addLifecycleCommands(program);

const onHost = (name: string, description: string): Command =>
  program
    .command(name)
    .description(description)
    .requiredOption("--root <folder>", "the host's folder (hostRoot in the stack's config)")
    .option("--worker <name>", "the worker's name", "home");
interface HostOptions {
  readonly root: string;
  readonly worker: string;
}

onHost("status", "what a worker is, holds and does")
  .option("--json", "as data")
  .action(async (options: HostOptions & { json?: boolean }) => {
    const status = await request(options, { op: "status" });
    say(options.json === true ? toJson(status) : describe(status));
  });

onHost("resume", "claim again after an offence stopped it").action(async (options: HostOptions) =>
  say(describe(await request(options, { op: "resume" }))),
);

const keys = program.command("keys").description("back up and restore secret records");
keys
  .command("new-recovery-key")
  .description("make a recovery key: keep the file offline; the line printed is what backups are sealed to")
  .argument("<file>", "where the secret half goes")
  .action(async (file: string) => {
    const { publicKey, secretKey } = newRecoveryKey();
    await writeAtomically(resolve(file), `${Buffer.from(secretKey).toString("hex")}\n`, "private");
    say(Buffer.from(publicKey).toString("hex"));
  });
keys
  .command("backup")
  .description("write a record, sealed to a recovery key, to standard output")
  .requiredOption("--store <url>", "for instance file:/home/me/.lightchain/keys")
  .requiredOption("--ref <record>", "for instance worker/8200/home")
  .requiredOption("--to <key>", "public half of the recovery key, 64 hex digits")
  .action(async (options: { store: string; ref: string; to: string }) =>
    say(await storeAt(options.store).backup(options.ref as RecordRef, Buffer.from(options.to, "hex"))),
  );
keys
  .command("restore")
  .description("read a backup from standard input into a store")
  .requiredOption("--store <url>", "an empty store, or one without this record")
  .requiredOption("--with <file>", "secret half of the recovery key")
  .action(async (options: { store: string; with: string }) => {
    const secret = Buffer.from((await readFile(options.with, "utf8")).trim(), "hex");
    const backup = (await readFile("/dev/stdin", "utf8")).trim() as SealedBackup;
    try {
      say(await storeAt(options.store).restore(backup, secret));
    } finally {
      secret.fill(0);
    }
  });

program.parseAsync().catch((error: unknown) => {
  const text = error instanceof FleetError ? error.message : ((error as Error).stack ?? describeError(error));
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
});

const request = ({ root, worker }: HostOptions, what: ControlRequest): Promise<SidecarStatus> =>
  ask(openHost({ kind: "local", name: "here", root: resolve(root) }), worker, what);

const storeAt = (url: string): SecretStore =>
  openStore(url, { passphrase: passphraseFrom(process.env), clock: systemClock });

/** A status, for a person. */
function describe(status: SidecarStatus): string {
  const table = new Table({ style: { head: [], border: [] } });
  table.push(
    ["worker", status.worker],
    ["on host", `${status.host} (epoch ${status.epoch})`],
    ["standing", status.mode + (status.claiming ? ", claiming" : "")],
    ["next", status.next],
    ["stake", `${formatEther(status.stake)} LCAI`],
    ["balance", `${formatEther(status.balance)} LCAI`],
    ["earned, not withdrawn", `${formatEther(status.earnings)} LCAI`],
    ["models", status.models.map(({ name, eligible }) => `${name}${eligible ? "" : " (not eligible)"}`).join(", ")],
    ["open sessions", String(status.sessions.filter((one) => one.standing === "open").length)],
    ["jobs not settled", String(status.jobs.length)],
  );
  const problems = [...status.blockers, ...(status.trouble === null ? [] : [status.trouble])];
  return [table.toString(), ...problems.map(({ code, summary, fix }) => `${code}: ${summary} Next: ${fix}`)].join("\n");
}

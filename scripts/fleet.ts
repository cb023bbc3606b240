#!/usr/bin/env node
import { resolve } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { formatEther } from "viem";
import { openHost } from "../components/host/host.js";
import { ask } from "../components/service/status.js";
import type { ControlRequest, SidecarStatus } from "../schema/control.js";
import { describeError, FleetError } from "../schema/errors.js";
import { toJson } from "../schema/json.js";
import { addLifecycleCommands } from "./ops/commands.js";
import { openEngine } from "./ops/engine.js";
import { addFitCommand } from "./ops/fit-command.js";
import { addKeysCommands } from "./ops/keys-commands.js";
import { addRecoverCommand } from "./ops/recover/command.js";

/* fleet: what an operator asks a worker, safer ups and destroys, and the backup of the keys. */
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const program = new Command("fleet").description(
  "Take a worker through its life, ask it how it is, keep its keys safe.",
);
addLifecycleCommands(program);
addRecoverCommand(program);
addKeysCommands(program);
addFitCommand(program);

const onHost = (name: string, description: string): Command =>
  program
    .command(name)
    .description(description)
    .option("--root <folder>", "the host's folder; default: hostRoot in the selected stack's config")
    .option("--worker <name>", "the worker's name", "home");
interface HostOptions {
  readonly root?: string;
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

program.parseAsync().catch((error: unknown) => {
  const text = error instanceof FleetError ? error.message : ((error as Error).stack ?? describeError(error));
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
});

async function request({ root, worker }: HostOptions, what: ControlRequest): Promise<SidecarStatus> {
  const folder = root ?? (await (await openEngine(process.cwd(), undefined)).ask("config", "get", "hostRoot")).trim();
  return ask(openHost({ kind: "local", name: "here", root: resolve(folder) }), worker, what);
}

/** A status, for a person. */
function describe(status: SidecarStatus): string {
  const table = new Table({ style: { head: [], border: [] } });
  table.push(
    ["worker", status.worker],
    ["on host", `${status.host} (epoch ${status.epoch})`],
    [
      "standing",
      status.mode + (status.claiming ? ", claiming" : "") + (status.selection === "dispatcher" ? ", dispatched" : ""),
    ],
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

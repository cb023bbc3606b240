#!/usr/bin/env node
import { Command } from "commander";
import { describeError, FleetError } from "../schema/errors.js";
import { addLifecycleCommands } from "./ops/commands.js";
import { addFitCommand } from "./ops/fit-command.js";
import { addKeysCommands } from "./ops/keys-commands.js";
import { addRecoverCommand } from "./ops/recover/command.js";
import { addWorkerCommands } from "./ops/worker-commands.js";

/* fleet: what an operator asks a worker, safer ups and destroys, and the backup of the keys. */
const program = new Command("fleet").description(
  "Take a worker through its life, ask it how it is, keep its keys safe.",
);
addLifecycleCommands(program);
addRecoverCommand(program);
addKeysCommands(program);
addFitCommand(program);
addWorkerCommands(program);

program.parseAsync().catch((error: unknown) => {
  const text = error instanceof FleetError ? error.message : ((error as Error).stack ?? describeError(error));
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
});

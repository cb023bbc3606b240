import { readFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { privateKeyToAccount } from "viem/accounts";
import { z } from "zod";
import { describeError } from "../../schema/errors.js";
import { networkSchema } from "../../schema/network.js";
import { jobId } from "../../schema/units.js";
import { accountsSchema } from "../documents.js";
import { createConsumer, type Consumer } from "./consumer.js";
import { createDisputer, type Disputer } from "./disputer.js";
import { FileUnusable } from "./errors.js";
import type { Answer } from "./follow.js";
import { loadKzg } from "../../system/kzg.js";

interface Files {
  readonly network: string;
  readonly accounts: string;
  readonly consumer: string;
}

/** The command line of the rehearsal network's consumer. */
export function consumerCommand(print: (text: string) => void, note: (text: string) => void): Command {
  const program = new Command("consumer").description("Ask the workers of a rehearsal network, end to end.");
  const withFiles = (command: Command): Command =>
    command
      .requiredOption("--network <file>", "the network's network.json")
      .requiredOption("--accounts <file>", "the network's accounts.json")
      .option("--consumer <number>", "which of the network's consumers asks and pays, from 1", "1");

  withFiles(program.command("ask"))
    .description("Open a session, ask one question, verify the answer, close the session.")
    .argument("<prompt>")
    .requiredOption("--model <name>", "the model's exact name")
    .action(async (prompt: string, options: Files & { readonly model: string }) => {
      const consumer = await consumerOf(options);
      note(`drawing a worker for ${options.model} …\n`);
      const session = await consumer.requestSession(options.model);
      note(`session ${session.id} with worker ${session.worker} after ${seconds(session.timings.ready)}\n`);
      try {
        const answer = await consumer.ask(session, prompt, {
          onDelta: print,
          onRestart: () => print("\n[the worker began again]\n"),
        });
        if (answer.streamed !== answer.answer) print(`\n${answer.answer}`);
        print("\n");
        note(summary(answer));
      } finally {
        await consumer.closeSession(session).catch((error: unknown) => note(`${describeError(error)}\n`));
      }
    });

  withFiles(program.command("claim-timeout"))
    .description("Take back the fee of a job that was not answered before its deadline.")
    .argument("<job>", "the job's id")
    .action(async (job: string, options: Files) => {
      note(`claimed in ${await (await consumerOf(options)).claimTimeout(jobId(BigInt(job)))}\n`);
    });
  withFiles(program.command("dispute"))
    .description("Dispute a completed job, with the bond that takes.")
    .argument("<job>", "the job's id")
    .action(async (job: string, options: Files) => {
      note(`disputed in ${await (await consumerOf(options)).disputeJob(jobId(BigInt(job)))}\n`);
    });

  withFiles(program.command("rule"))
    .description("Rule on a disputed job, as the network's disputer.")
    .argument("<job>", "the job's id")
    .requiredOption("--verdict <guilty|not-guilty>", "about the worker", verdict)
    .action(async (job: string, options: Files & { readonly verdict: boolean }) => {
      const disputer = await disputerOf(options);
      note(`ruled in ${await disputer.rule(jobId(BigInt(job)), { guilty: options.verdict })}\n`);
    });
  return program;
}

/** Whether the worker is guilty. */
function verdict(text: string): boolean {
  if (text === "guilty" || text === "not-guilty") return text === "guilty";
  throw new InvalidArgumentError("guilty or not-guilty");
}

async function disputerOf({ network, accounts }: Files): Promise<Disputer> {
  const description = await parseFile(network, networkSchema, "npm run devnet -- up");
  const { disputer } = await parseFile(accounts, accountsSchema, "npm run devnet -- up");
  const account = privateKeyToAccount(disputer.privateKey);
  return createDisputer({ network: description, account, kzg: await loadKzg() });
}

async function consumerOf({ network, accounts, consumer }: Files): Promise<Consumer> {
  const description = await parseFile(network, networkSchema, "npm run devnet -- up");
  const { consumers } = await parseFile(accounts, accountsSchema, "npm run devnet -- up");
  const account = consumers[Number(consumer) - 1];
  if (!account)
    throw new FileUnusable(accounts, `it has no consumer ${consumer}`, `--consumer 1 to ${consumers.length}`);
  const kzg = await loadKzg();
  return createConsumer({ network: description, account: privateKeyToAccount(account.privateKey), kzg });
}

async function parseFile<T>(file: string, schema: z.ZodType<T>, fix: string): Promise<T> {
  try {
    return schema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    // zod's messages name fields and never values, so no key gets into the text
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : "it is not a readable JSON file";
    throw new FileUnusable(file, reason, fix, error);
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function summary({ jobId: id, verified, checks, transactions, timings }: Answer): string {
  const first =
    timings.firstDelta === null ? "nothing was streamed" : `first words after ${seconds(timings.firstDelta)}`;
  return [
    `job ${id}: ${verified} (commitment ${checks.commitment}, signature ${checks.signature}, blob ${checks.availability})`,
    `${first}, settled after ${seconds(timings.settled)}`,
    `prompt ${transactions.blob}, submission ${transactions.submit}`,
    "",
  ].join("\n");
}

if (require.main === module) {
  const command = consumerCommand(
    (text) => process.stdout.write(text),
    (text) => process.stderr.write(text),
  );
  command.parseAsync().catch((error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = 1;
  });
}

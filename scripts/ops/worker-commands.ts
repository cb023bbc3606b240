import { resolve } from "node:path";
import Table from "cli-table3";
import type { Command } from "commander";
import { coded } from "../../components/coded.js";
import { openHost } from "../../components/host/host.js";
import { ask } from "../../components/service/status.js";
import { blockerFor } from "../../lifecycle/errors.js";
import { lcai } from "../../lifecycle/money.js";
import type { ControlRequest, Problem, SidecarStatus } from "../../schema/control.js";
import { FleetError } from "../../schema/errors.js";
import { toJson } from "../../schema/json.js";
import { openEngine } from "./engine.js";
import { HostNotReadable } from "./errors.js";
import { chosen, chosenOne, workersIn, type WorkerOnHost } from "./workers.js";

interface Options {
  readonly stack?: string;
  readonly worker?: string;
  readonly root?: string;
}

/** What a worker said of itself, or why it could not be asked. */
export type Answer = { readonly status: SidecarStatus } | { readonly problem: Problem };

/** Adds `status` and `resume`: they ask the sidecar itself, on whatever kind of host the stack has it. */
export function addWorkerCommands(program: Command): void {
  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option("--stack <name>", "the stack; default: the one that is selected")
      .option("--worker <name>", "the worker")
      .option("--root <folder>", "a host's folder on this machine: its worker is asked without a stack");

  command("status", "what each worker is, holds and does; exits with 1 if one could not be asked")
    .option("--json", "as data, by the worker's name")
    .action(async (options: Options & { readonly json?: boolean }) => {
      const workers = await workersHere(options, chosen);
      const asked = await Promise.allSettled(workers.map((worker) => answerOf(worker)));
      const answers = asked.flatMap((one, index) => {
        const name = workers[index]?.name;
        return one.status === "fulfilled" && name !== undefined ? [[name, one.value] as const] : [];
      });
      say(
        options.json === true
          ? toJson(Object.fromEntries(answers))
          : answers.map(([name, answer]) => renderAnswer(name, answer)).join("\n"),
      );
      if (answers.some(([, answer]) => "problem" in answer)) process.exitCode = 1;
      for (const one of asked) if (one.status === "rejected") throw one.reason; // a bug, once everybody was shown
    });

  command("resume", "claim again after an offence stopped it").action(async (options: Options) => {
    const worker = await workersHere(options, chosenOne);
    say(renderAnswer(worker.name, { status: await statusAfter(worker, { op: "resume" }) }));
  });
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function workersHere<T>(
  { stack, worker, root }: Options,
  choose: (workers: readonly WorkerOnHost[], stack: string, name: string | undefined) => T,
): Promise<T> {
  if (root !== undefined) {
    const here = { name: worker ?? "home", host: { kind: "local", name: "here", root: resolve(root) } as const };
    return choose([here], root, undefined);
  }
  const engine = await openEngine(process.cwd(), stack);
  return choose(workersIn(await engine.state()), engine.stack, worker);
}

/** One that cannot be asked keeps no other from being shown. */
async function answerOf(worker: WorkerOnHost): Promise<Answer> {
  try {
    return { status: await statusAfter(worker, { op: "status" }) };
  } catch (thrown) {
    const error = coded(thrown);
    if (!(error instanceof FleetError)) throw error;
    return { problem: blockerFor(error) };
  }
}

/** @throws HostNotReadable LF1611 */
async function statusAfter({ name, host }: WorkerOnHost, request: ControlRequest): Promise<SidecarStatus> {
  if (host === undefined) throw new HostNotReadable(name);
  return ask(openHost(host), name, request);
}

/** What a worker said, for a person. Pure. */
export function renderAnswer(name: string, answer: Answer): string {
  if ("problem" in answer) return `${name} could not be asked. ${inWords(answer.problem)}`;
  const { status } = answer;
  const table = new Table({ style: { head: [], border: [] } });
  table.push(
    ["worker", `${name} · ${status.worker}`],
    ["on host", `${status.host} (epoch ${status.epoch})`],
    [
      "standing",
      status.mode + (status.claiming ? ", claiming" : "") + (status.selection === "dispatcher" ? ", dispatched" : ""),
    ],
    ["next", status.next],
    ["stake", `${lcai(status.stake)} LCAI`],
    ["balance", `${lcai(status.balance)} LCAI`],
    ["earned, not withdrawn", `${lcai(status.earnings)} LCAI`],
    ["models", status.models.map(({ name, eligible }) => `${name}${eligible ? "" : " (not eligible)"}`).join(", ")],
    ["open sessions", String(status.sessions.filter((one) => one.standing === "open").length)],
    ["jobs not settled", String(status.jobs.length)],
  );
  const problems = [...status.blockers, ...(status.trouble === null ? [] : [status.trouble])];
  return [table.toString(), ...problems.map(inWords)].join("\n");
}

const inWords = ({ code, summary, fix }: Problem): string => `${code}: ${summary} Next: ${fix}`;

import { resolve } from "node:path";
import { Command, Option } from "commander";
import { describeError, FleetError } from "../schema/errors.js";
import { ownExit } from "../system/exit.js";
import { createLogger } from "../system/log.js";
import { askOnce } from "./ask.js";
import { runningIn, startInBackground, stopDevnet } from "./background.js";
import type { Forks } from "./chain/genesis.js";
import { steer } from "./control-client.js";
import { filesIn } from "./documents.js";
import { DevnetNotRunning, GethMissing } from "./errors.js";
import { networkModes, type NetworkMode } from "./mode.js";
import { startDevnet, type DevnetOptions } from "./network.js";

/*
 * The rehearsal network as a program: `up`, `down`, `status`, `advance`, `ask`. What else can be steered is the control API's (README.md).
 */
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const program = new Command("npm run devnet --").description(
  "A rehearsal network on this machine: contracts, chain, beacon node, gateway, relay, dispatcher and model registry.",
);
const command = (name: string, description: string): Command =>
  program.command(name).description(description).requiredOption("--dir <folder>", "folder of the network");

command("up", "start it, or start it again; Ctrl-C stops it")
  .option("--geth <path>", "geth program", process.env["LIGHTCHAIN_GETH"])
  .addOption(
    new Option("--mode <mode>", "how sessions are given to workers, decided at the first start").choices(networkModes),
  )
  .option("--detach", "leave it running in the background")
  .addOption(new Option("--fork <fork>", "rules of its blocks; its folder keeps them").choices(["prague", "osaka"]))
  .option("--osaka-after <seconds>", "seconds on the chain after which Osaka's rules hold", Number)
  .action(async (options: { dir: string; geth?: string; mode?: NetworkMode; detach?: boolean } & Forks) => {
    const dir = resolve(options.dir);
    const { geth, detach, mode, fork, osakaAfter } = options;
    if (geth === undefined) throw new GethMissing();
    const chosen = { ...(mode && { mode }), ...(fork && { fork }), ...(osakaAfter !== undefined && { osakaAfter }) };
    if (detach === true) {
      await startInBackground({ dir, geth, ...chosen });
      return status(dir);
    }
    return runUntilAsked({ dir, tools: { geth }, ...chosen });
  });

command("down", "stop the one that runs in the folder; what it holds stays").action(async ({ dir }: { dir: string }) =>
  say((await stopDevnet(resolve(dir))) ? "Stopped." : "Nothing was running."),
);

command("status", "what runs there, and where").action(({ dir }: { dir: string }) => status(resolve(dir)));

command("advance", "let time pass on the chain")
  .argument("<seconds>", "how much", Number)
  .action(async (advance: number, { dir }: { dir: string }) => {
    const { block } = await steer(await running(resolve(dir)), "POST", "/time", { advance });
    say(`Block ${block.number} is at ${new Date(block.timestamp * 1000).toISOString()}.`);
  });

command("ask", "ask a worker, as a consumer who pays for the answer")
  .argument("<prompt>", "what to ask")
  .option("--model <name>", "which model (default: the network's first)")
  .action((prompt: string, options: { dir: string; model?: string }) =>
    askOnce(resolve(options.dir), prompt, options.model),
  );

program.parseAsync().catch((error: unknown) => {
  const text = error instanceof FleetError ? error.message : ((error as Error).stack ?? describeError(error));
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
});

async function runUntilAsked(options: DevnetOptions): Promise<void> {
  const log = createLogger("devnet", { level: "warn" });
  const exit = ownExit(log, 60_000);
  const byControl = new AbortController();
  const devnet = await startDevnet({ ...options, log, onStopAsked: () => byControl.abort() });
  exit.onLeave(() => devnet.stop());
  void devnet.broken.then((how) => {
    log.fatal({ how }, "geth has ended");
    return exit.leave(1);
  });
  await status(options.dir);
  await aborted(AbortSignal.any([exit.asked, byControl.signal]));
  await exit.leave(0);
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((wake) => {
    if (signal.aborted) return wake();
    signal.addEventListener("abort", () => wake(), { once: true });
  });

async function status(dir: string): Promise<void> {
  const { control, models } = await running(dir);
  const { block, faults } = await steer({ control }, "GET", "/status");
  const files = filesIn(dir);
  say(
    [
      `The rehearsal network in ${dir} is at block ${block.number} (${new Date(block.timestamp * 1000).toISOString()}).`,
      `  network   ${files.network}`,
      `  accounts  ${files.accounts}`,
      `  control   ${control}`,
      `  models    ${models.map(({ name }) => name).join(", ")}`,
      ...(faults.length > 0 ? [`  faults    ${JSON.stringify(faults)}`] : []),
    ].join("\n"),
  );
}

async function running(dir: string) {
  const found = await runningIn(dir);
  if (!found) throw new DevnetNotRunning(dir);
  return found;
}

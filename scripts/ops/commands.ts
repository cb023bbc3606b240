import type { Command } from "commander";
import { confirm } from "./confirm.js";
import { openEngine, type Engine } from "./engine.js";
import { clearNetworks } from "./networks.js";
import { quoteDestroy, renderQuotes } from "./quote.js";
import { inspect, planRepair, readyToDestroy, take } from "./repair.js";

interface Options {
  readonly stack?: string;
  readonly yes?: boolean;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Adds `up`, `destroy` and `repair`: thin around plain `pulumi`, which stays fully usable. */
export function addLifecycleCommands(program: Command): void {
  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option("--stack <name>", "the stack; default: the one that is selected")
      .option("-y, --yes", "go on without being asked");

  command("up", "pulumi up, after repairing what a killed run left; a Ctrl-C is waited for").action(
    async (options: Options) => {
      const engine = await openEngine(process.cwd(), options.stack);
      if (planRepair(await inspect(engine)).includes("cancel")) await takeLoudly("cancel", engine);
      if (options.yes !== true) {
        await engine.attend("preview");
        await confirm("Do this?");
      }
      await clearNetworks(await engine.state(), say);
      await engine.attend("up", "--yes", "--skip-preview");
      if ((await engine.state()).creating.length > 0) await takeLoudly("forget creates", engine);
    },
  );

  command("destroy", "pulumi destroy, with the quote first; refused while a create is pending").action(
    async (options: Options) => {
      const engine = await openEngine(process.cwd(), options.stack);
      await readyToDestroy(engine, say);
      say(renderQuotes(await quoteDestroy(await engine.state())));
      if (options.yes !== true) await confirm("Leave the network and take everything down?");
      await engine.attend("destroy", "--yes", "--skip-preview");
    },
  );

  command("repair", "make a stack whole again that a run was killed on").action(async (options: Options) => {
    const engine = await openEngine(process.cwd(), options.stack);
    const wreckage = await inspect(engine);
    const steps = planRepair(wreckage);
    for (const file of wreckage.mended) say(`A killed run left ${file} half-written: it is taken away.`);
    if (steps.length === 0 && wreckage.mended.length === 0)
      return say(`There is nothing to repair in stack ${engine.stack}.`);
    if (steps.includes("up")) {
      say(`A killed run had begun to create ${wreckage.creating.join(", ")}: an up takes that over.`);
      if (options.yes !== true) await confirm("Run it?");
    }
    for (const step of steps) await takeLoudly(step, engine);
    say(`Stack ${engine.stack} is whole.`);
  });
}

const inWords = {
  cancel: "Taking away the lock of a dead run.",
  up: "Taking over what was begun.",
  "forget creates": "Striking out what was pending: it is in the state now.",
};
async function takeLoudly(step: keyof typeof inWords, engine: Engine): Promise<void> {
  say(inWords[step]);
  if (step === "up") await clearNetworks(await engine.state(), say);
  await take(step, engine);
}

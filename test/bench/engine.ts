import { foldersIn } from "../../scripts/rehearsal/folders.js";
import { startNetwork } from "../../scripts/rehearsal/network.js";
import { prepareStage } from "../../scripts/rehearsal/stage.js";
import { resolveToolchain } from "../../scripts/toolchain/resolve.js";
import { contest } from "./contest.js";
import { emptyProgram } from "./empty-program.js";
import { programOf } from "./program.js";

/** One worker on this machine. */
export async function benchEngine(root: string): Promise<void> {
  const folders = foldersIn(root);
  const tools = await resolveToolchain();
  const network = await startNetwork(folders, tools);
  try {
    const stage = await prepareStage(folders, tools, network, () => undefined);
    process.stdout.write("setting up a worker …\n");
    await stage.engine.run("up");
    await contest(await emptyProgram(root, stage.environment), {
      "one worker": programOf(folders.project, stage.environment),
    });
    await network.advance(86_460);
    await stage.engine.run("destroy");
  } finally {
    await network.stop();
  }
}

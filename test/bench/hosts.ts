import { join } from "node:path";
import { foldersIn } from "../../scripts/rehearsal/folders.js";
import { startNetwork } from "../../scripts/rehearsal/network.js";
import { prepareStage, type Stage } from "../../scripts/rehearsal/stage.js";
import { resolveToolchain } from "../../scripts/toolchain/resolve.js";
import { freePort } from "../../system/net.js";
import { startSshd, type Sshd } from "../real/hosts/sshd.js";
import { contest } from "./contest.js";
import { emptyProgram } from "./empty-program.js";
import { programOf, type Program } from "./program.js";

/** One worker on each kind of host that is reached another way: this machine, and the same machine through an SSH server of its own. */
export async function benchHosts(root: string): Promise<void> {
  const tools = await resolveToolchain();
  const network = await startNetwork(foldersIn(root), tools);
  const sshd = await startSshd();
  const stages: Stage[] = [];
  const worker = async (name: string, config: Readonly<Record<string, unknown>>): Promise<Program> => {
    const folders = foldersIn(join(root, name));
    const stage = await prepareStage(folders, tools, network, () => undefined, config);
    process.stdout.write(`setting up a worker on a host of kind ${name} …\n`);
    await stage.engine.run("up");
    stages.push(stage);
    return programOf(folders.project, stage.environment);
  };
  try {
    const local = await worker("local", {});
    const ssh = await worker("ssh", {
      ...{ kind: "host", ssh: accessBy(sshd), hostRoot: join(root, "machine") },
      ...{ ollamaPort: await freePort(), gpu: "none" },
    });
    const [stage] = stages;
    if (stage === undefined) throw new Error("no worker was set up");
    await contest(await emptyProgram(root, stage.environment), { local, ssh });
    await network.advance(86_460);
    for (const { engine } of stages) await engine.run("destroy");
  } finally {
    await sshd.end();
    await network.stop();
  }
}

const accessBy = ({ way: { server, identity, sudo } }: Sshd) => ({ ...server, identity, sudo });

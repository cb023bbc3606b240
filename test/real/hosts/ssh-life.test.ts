import { readFile } from "node:fs/promises";
import { installCommandPlugin } from "../../plugins/install.js";
import { freePort } from "../../../system/net.js";
import { noMachines, startMachine } from "../machines/machine.js";
import { users } from "../machines/ssh-access.js";
import { playLife, type HostKind } from "./life.js";

/** Where its bundle is staged, everything lies, and units are. */
const places = "/var/lib/lightchain-fleet /home/operator /etc/systemd/system";

playLife(
  "a computer that is reached by SSH, its bundle brought by @pulumi/command",
  noMachines(),
  async ({ ollama }) => {
    const machine = await startMachine({ network: "host" });
    const install = ["sh", "-c", "cat > /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama"];
    await machine.must(install, await readFile(ollama));
    const { address, port, hostKey, agentSocket } = machine.ssh;
    const kind: HostKind = {
      config: {
        kind: "host",
        ssh: { address, port, user: users.operator, hostKey, identity: { agent: agentSocket }, sudo: "passwordless" },
        hostRoot: "/var/lib/lightchain-fleet",
        ollama: "/usr/local/bin/ollama",
        ollamaPort: await freePort(),
      },
      shows: /command:remote:CopyToRemote.* created/,
      prepare: async ({ folders, tools }) => {
        await installCommandPlugin(folders.pulumiHome, tools.node);
      },
      left: async () => {
        const files = await machine.run(["sh", "-c", `find ${places} -iname '*lightchain*' 2>/dev/null`]);
        const processes = await machine.run(["pgrep", "-a", "-f", "lightchain-fleet|ollama"]);
        return `${files.stdout}${processes.stdout}`.split("\n").filter((line) => line !== "");
      },
      end: () => machine.stop(),
    };
    return kind;
  },
);

import { readFile } from "node:fs/promises";
import { installCommandPlugin } from "../../plugins/install.js";
import { freePort } from "../../../system/net.js";
import { noMachines, startMachine, type Machine } from "../machines/machine.js";
import { users } from "../machines/ssh-access.js";
import { wholeMachine } from "./search-machine.js";
import { playMove, type MovePlace } from "./move.js";

const root = "/var/lib/lightchain-fleet";

playMove("a worker whose computer, reached by SSH, becomes another one", noMachines(), async ({ folders, tools }) => {
  await installCommandPlugin(folders.pulumiHome, tools.node);
  const machines = [await startMachine({ network: "host" }), await startMachine({ network: "host" })] as const;
  const placeOn = async (machine: Machine, hostName: string): Promise<MovePlace> => {
    const install = ["sh", "-c", "cat > /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama"];
    await machine.must(install, await readFile(tools.ollama));
    const { address, port, hostKey, agentSocket } = machine.ssh;
    return {
      config: {
        kind: "host",
        hostName,
        ssh: { address, port, user: users.operator, hostKey, identity: { agent: agentSocket }, sudo: "passwordless" },
        hostRoot: root,
        ollama: "/usr/local/bin/ollama",
        ollamaPort: await freePort(),
        gpu: "none",
      },
      sidecars: async () => {
        const { stdout } = await machine.run(["pgrep", "-c", "-f", "sidecar[.]js --settings"]);
        return Number(stdout);
      },
      searched: wholeMachine(machine),
      left: async () => {
        const places = `${root} /home/operator /etc/systemd/system`;
        const files = await machine.run(["sh", "-c", `find ${places} -iname '*lightchain*' 2>/dev/null`]);
        const processes = await machine.run(["pgrep", "-a", "-f", "lightchain-fleet|ollama"]);
        return `${files.stdout}${processes.stdout}`.split("\n").filter((line) => line !== "");
      },
    };
  };
  return {
    places: [await placeOn(machines[0], "attic"), await placeOn(machines[1], "cellar")],
    end: async () => {
      for (const machine of machines) await machine.stop();
    },
  };
});

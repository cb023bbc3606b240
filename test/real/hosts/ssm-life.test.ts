import { readFile } from "node:fs/promises";
import { freePort } from "../../../system/net.js";
import { noInstances, startInstance } from "../aws/instance.js";
import { opened } from "../aws/opened.js";
import { playLife, type HostKind } from "./life.js";

/** Where everything lies, units are, and outputs wait meanwhile. */
const places = "/var/lib/lightchain-fleet /root /run /etc/systemd/system";

playLife("an EC2 instance that is reached through Systems Manager", noInstances(), async ({ ollama }) => {
  const instance = await startInstance();
  const { machine, id, region, bucket, env } = instance;
  await machine.must(
    ["sh", "-c", "cat > /usr/local/bin/ollama && chmod 755 /usr/local/bin/ollama"],
    await readFile(ollama),
  );
  const kind: HostKind = {
    config: {
      kind: "instance",
      ssm: { region, instance: id, bucket },
      hostRoot: "/var/lib/lightchain-fleet",
      ollama: "/usr/local/bin/ollama",
      ollamaPort: await freePort(),
      gpu: "none",
    },
    environment: env,
    shows: /lightchain:Host.* created/,
    said: () => opened(instance.bridge.said),
    left: async () => {
      const files = await machine.run(["sh", "-c", `find ${places} -iname '*lightchain*' 2>/dev/null`]);
      const processes = await machine.run(["pgrep", "-a", "-f", "lightchain-fleet|ollama"]);
      return `${files.stdout}${processes.stdout}`.split("\n").filter((line) => line !== "");
    },
    end: () => instance.stop(),
  };
  return kind;
});

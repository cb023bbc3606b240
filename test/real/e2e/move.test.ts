import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../system/net.js";
import { readFile } from "node:fs/promises";
import { playMove, type MovePlace } from "../hosts/move.js";
import { hostFolder } from "../hosts/searched.js";
import { processesIn } from "./rehearsal.js";

playMove("a worker whose folder on this machine becomes another one", undefined, async ({ folders }) => {
  const placeAt = async (name: string): Promise<MovePlace> => {
    const root = join(folders.root, name);
    const isSidecar = async (pid: number): Promise<boolean> =>
      (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).includes("sidecar.js");
    return {
      config: { hostRoot: root, ollamaPort: await freePort() },
      sidecars: async () => {
        const are = await Promise.all((await processesIn(`${root}/`)).map(isSidecar));
        return are.filter(Boolean).length;
      },
      searched: hostFolder(root),
      left: async () => [
        ...(existsSync(root) ? [root] : []),
        ...(await processesIn(`${root}/`)).map((pid) => `process ${pid}`),
      ],
    };
  };
  const [here, there] = [await placeAt("here"), await placeAt("there")];
  return { places: [here, there], end: () => Promise.resolve() };
});

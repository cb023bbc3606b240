import { playMove, type MovePlace } from "../hosts/move.js";
import { docker } from "../machines/docker-engine.js";
import { everythingOf, whyNoContainers } from "./engine.js";
import { openDockerGround } from "./ground.js";
import { onEngine } from "./scan.js";

playMove("a worker whose containers become other ones", whyNoContainers(), async (rehearsal) => {
  const ground = await openDockerGround(rehearsal);
  const placeAt = (name: string): MovePlace => {
    const prefix = `${ground.prefix}-${name}`;
    return {
      config: { ...ground.configOf(prefix), hostName: name },
      sidecars: async () => {
        const { code, stdout } = await docker(["top", `${prefix}-worker`, "-eo", "pid,args"]);
        return code === 0 ? stdout.split("\n").filter((line) => line.includes("sidecar.js --settings")).length : 0;
      },
      searched: onEngine(prefix),
      left: () => everythingOf(prefix),
    };
  };
  return { places: [placeAt("attic"), placeAt("cellar")], end: () => ground.end() };
});

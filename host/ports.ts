import { FleetError } from "../schema/errors.js";
import type { HostDocument } from "../schema/host.js";

/** LF1343: two of a host's services are to listen on one port. */
export class PortWantedTwice extends FleetError {
  constructor(port: number, first: string, second: string) {
    super("LF1343", `Port ${port} on 127.0.0.1 is wanted by ${first} and by ${second}.`, {
      fix: "give each worker of this host a metricsPort of its own, and none Ollama's.",
    });
  }
}

/** That no two services of a document want one port: the second would come up without what it was to offer there. Pure. @throws PortWantedTwice LF1343 */
export function requireOwnPorts({ runtime, workers }: HostDocument): void {
  const taken = new Map<number, string>();
  const wanted = [
    ...Object.values(runtime)
      .slice(0, 1)
      .map(({ port }) => [port, "Ollama"] as const),
    ...Object.entries(workers).map(([name, { service }]) => [service?.settings.metricsPort, `worker ${name}`] as const),
  ];
  for (const [port, who] of wanted) {
    if (port == null) continue;
    const other = taken.get(port);
    if (other !== undefined) throw new PortWantedTwice(port, other, who);
    taken.set(port, who);
  }
}

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * Lets containers reach servers of this machine's loopback: on an address of a bridge, the same ports lead there. Containers on any network of the engine reach every
 * address of the machine itself.
 */
export async function openForwarders(address: string, ports: readonly number[]): Promise<() => void> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  for (const port of ports) {
    const server = createServer((from) => {
      const to = connect(port, "127.0.0.1");
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        sockets.add(one);
        one.on("error", () => other.destroy()).on("close", () => sockets.delete(one));
        one.pipe(other);
      }
    });
    server.listen(port, address);
    await once(server, "listening");
    servers.push(server);
  }
  return () => {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
  };
}

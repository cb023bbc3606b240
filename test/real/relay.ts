import { once } from "node:events";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";

/** Carries connections on to other servers of this machine. */
export interface Relay {
  /** Carries one on, to its end. */
  carry(from: Socket, to: NetConnectOpts): void;
  /** Listens at a port of one of our addresses, and carries what comes there to the same port of our loopback. */
  open(address: string, port: number): Promise<void>;
  /** Ends all of it. */
  close(): void;
}

/** Makes one that carries nothing yet. */
export function makeRelay(): Relay {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const carry: Relay["carry"] = (from, target) => {
    const to = connect(target);
    for (const [one, other] of [[from, to] as const, [to, from] as const]) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => sockets.delete(one));
      one.pipe(other);
    }
  };
  return {
    carry,
    open: async (address, port) => {
      const server = createServer((from) => carry(from, { port, host: "127.0.0.1" }));
      server.listen(port, address);
      await once(server, "listening");
      servers.push(server);
    },
    close: () => {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

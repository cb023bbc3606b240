import { createServer, request, type Server } from "node:http";
import { once } from "node:events";

/** Something that stands before an HTTP server of loopback and says another time of day than it is. */
export interface OtherClock {
  readonly url: string;
  close(): void;
}

/** @param aheadMs by how much the clock of whoever believes it is behind */
export async function otherClock(target: string, aheadMs: number): Promise<OtherClock> {
  const to = new URL(target);
  const server: Server = createServer((asked, answer) => {
    const { method = "GET", url = "/", headers } = asked;
    const passed = request({ host: to.hostname, port: to.port, method, path: url, headers }, (given) => {
      const date = new Date(Date.now() + aheadMs).toUTCString();
      answer.writeHead(given.statusCode ?? 502, { ...given.headers, date });
      given.pipe(answer);
    });
    passed.on("error", () => answer.writeHead(502).end());
    asked.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}${to.pathname === "/" ? "" : to.pathname}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

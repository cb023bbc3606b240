import { request } from "node:http";
import type { Duplex } from "node:stream";
import type { Client } from "ssh2";

/** A stream that the server itself opens to a port of its loopback, so that no program is started there; `undefined` where it opens none. */
export function loopbackStream(client: Client, port: number): Promise<Duplex | undefined> {
  return new Promise((resolve) => {
    const lost = (): void => resolve(undefined);
    client.once("close", lost);
    try {
      client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, (error, stream) => {
        client.removeListener("close", lost);
        resolve(error === undefined ? stream : undefined);
      });
    } catch {
      lost(); // the connection has ended already
    }
  });
}

/** The port of a URL that leads to the loopback of whoever asks, by plain HTTP; `undefined` for any other. Pure. */
export function loopbackPort(url: string): number | undefined {
  const { protocol, hostname, port } = new URL(url);
  return protocol === "http:" && hostname === "127.0.0.1" ? Number(port || 80) : undefined;
}

/** Longest wait for an answer (ms). */
const answerMs = 5_000;

/** Whether a GET of `url` over this stream is answered with success. */
export function isAnsweredOver(stream: Duplex, url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(answerMs);
    const asked = request(url, { createConnection: () => stream, agent: false, signal }, ({ statusCode = 0 }) =>
      resolve(statusCode >= 200 && statusCode < 300),
    );
    asked.on("error", () => resolve(false)).end();
  });
}

import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";

/** Stands between a worker and its Ollama, and can stop an answer in the middle. */
export interface PausingProxy {
  readonly url: string;
  /** The next answer of the model stops after so many pieces. */
  pauseAfter(pieces: number): void;
  /** Resolves once an answer has stopped there. */
  paused(): Promise<unknown>;
  /** Lets everything pass again, what has stopped included. */
  resume(): void;
  /** Cuts every connection, as a server that dies does. */
  cut(): void;
  stop(): Promise<void>;
}

/** Of what kind an answer is that comes in pieces. */
const streamed = "application/x-ndjson";

/** Passes everything on to `target` as it is; only when told so it holds the pieces of an answer back. */
export async function startPausingProxy(target: string): Promise<PausingProxy> {
  let left = Infinity;
  let hasPaused = Promise.withResolvers<undefined>();
  let goOn = Promise.withResolvers<undefined>();
  goOn.resolve(undefined);

  const server = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const asked = request(new URL(url ?? "/", target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      void (async () => {
        if (answer.headers["content-type"] !== streamed) return void answer.pipe(outgoing);
        // Several pieces may come in one read.
        for await (const line of createInterface({ input: answer })) {
          if (left-- <= 0) {
            hasPaused.resolve(undefined);
            await goOn.promise;
          }
          if (!outgoing.write(`${line}\n`)) await once(outgoing, "drain");
        }
        outgoing.end();
      })().catch(() => void outgoing.destroy());
    });
    asked.on("error", () => outgoing.destroy());
    outgoing.on("close", () => asked.destroy());
    incoming.pipe(asked);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pauseAfter: (pieces) => {
      left = pieces;
      hasPaused = Promise.withResolvers();
      goOn = Promise.withResolvers();
    },
    paused: () => hasPaused.promise,
    resume: () => {
      left = Infinity;
      goOn.resolve(undefined);
    },
    cut: () => server.closeAllConnections(),
    stop: () =>
      new Promise((resolve) => {
        goOn.resolve(undefined);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/**
 * A server with the one habit of Ollama's that this is about, each time and not one time in twenty: with one place, which a client that goes away in the middle of a streamed answer keeps
 * (ollama/ollama#17131). An unload gives it back, once nobody waits. A prompt that begins with "endless" is answered without end.
 */
export interface LeakingOllama {
  readonly url: string;
  /** How many answers were begun. */
  readonly asked: number;
  /** How many wait for the place now. */
  readonly waiting: number;
  /** How often the model was unloaded. */
  readonly unloads: number;
  stop(): Promise<void>;
}

interface Asked {
  readonly prompt: string;
  readonly stream: boolean;
  readonly keep_alive: number;
}

export async function startLeakingOllama(model: string): Promise<LeakingOllama> {
  let [isLoaded, isTaken, isLeaked, isExpiring] = [false, false, false, false];
  let [asked, unloads] = [0, 0];
  const queue: (() => void)[] = [];
  const giveBack = (): void => {
    isTaken = false;
    queue.shift()?.();
    unloadIfIdle();
  };
  const unloadIfIdle = (): void => {
    if (!isExpiring || queue.length > 0 || (isTaken && !isLeaked)) return;
    unloads++;
    [isLoaded, isTaken, isLeaked, isExpiring] = [false, false, false, false];
  };
  /** @returns whether the client is still there when it is his turn */
  const turn = async (response: ServerResponse): Promise<boolean> => {
    if (isTaken) {
      await new Promise<void>((resolve) => {
        queue.push(resolve);
        response.once("close", () => {
          if (queue.includes(resolve)) queue.splice(queue.indexOf(resolve), 1);
          unloadIfIdle();
          resolve();
        });
      });
      if (response.destroyed) return false;
    }
    asked++;
    [isTaken, isLoaded] = [true, true];
    return true;
  };
  const generate = async ({ prompt, stream, keep_alive }: Asked, response: ServerResponse): Promise<void> => {
    if (prompt === "" && keep_alive === 0) {
      if (isLoaded) isExpiring = true;
      unloadIfIdle();
      return void response.end(JSON.stringify({ done: true, done_reason: "unload" }));
    }
    isExpiring = false; // whoever asks has the model stay
    if (!(await turn(response))) return;
    if (stream)
      response
        .writeHead(200, { "content-type": "application/x-ndjson" })
        .write(`${JSON.stringify({ response: "He" })}\n`);
    if (stream && prompt.startsWith("endless")) {
      await once(response, "close");
      isLeaked = true;
      return;
    }
    response.end(`${JSON.stringify({ response: "llo", done: true, eval_count: 2, eval_duration: 1 })}\n`);
    giveBack();
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    if (request.url === "/api/show") return void response.end(JSON.stringify({ capabilities: ["completion"] }));
    if (request.url === "/api/ps")
      return void response.end(JSON.stringify({ models: isLoaded ? [{ name: `${model}:latest` }] : [] }));
    await generate(JSON.parse(body) as Asked, response);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get asked() {
      return asked;
    },
    get waiting() {
      return queue.length;
    },
    get unloads() {
      return unloads;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

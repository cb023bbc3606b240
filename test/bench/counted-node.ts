import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What a chain's node was asked: requests, and the calls in them, of which one request may have many. */
export interface Asked {
  readonly requests: number;
  readonly calls: number;
}

/** A way to a chain's node on which what is asked is counted. */
export interface CountedNode {
  readonly rpc: string;
  /** What was asked since the last time that this was. */
  asked(): Asked;
  stop(): Promise<void>;
}

/** @param rpc where the node answers */
export async function countNode(rpc: string): Promise<CountedNode> {
  let [requests, calls] = [0, 0];
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const asked: unknown = JSON.parse(body);
      requests += 1;
      calls += Array.isArray(asked) ? asked.length : 1;
      const answer = await fetch(rpc, { method: "POST", headers: { "content-type": "application/json" }, body });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    })().catch((error: unknown) => response.writeHead(502).end(String(error)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    rpc: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => {
      const seen = { requests, calls };
      [requests, calls] = [0, 0];
      return seen;
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

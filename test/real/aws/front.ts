import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { callOf, refusalTo } from "./call.js";

/** What stands before an AWS, and may answer in its place. */
export interface Front {
  readonly endpoint: string;
  /** Actions that were asked for, and the region of each. */
  readonly asked: { readonly action: string; readonly region: string }[];
  /** What is said to an action; nothing: the AWS behind answers. */
  say: (action: string, region: string, body: string) => Said | undefined;
  stop(): Promise<void>;
}
/** An answer, as JSON or as XML, or a refusal by its code. */
export type Said =
  { readonly body: object } | { readonly xml: string } | { readonly refusal: string; readonly words?: string };

/** @param aws the AWS behind; left out: whatever is not answered here is an error */
export async function startFront(aws?: string): Promise<Front> {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const call = callOf(request, body);
    const { action, region } = call;
    front.asked.push({ action, region });
    const said = front.say(action, region, body);
    if (said === undefined) return passOn(request, response, body);
    if ("xml" in said) return void response.writeHead(200, { "content-type": "text/xml" }).end(said.xml);
    if ("body" in said) return void response.writeHead(200).end(JSON.stringify(said.body));
    const refused = refusalTo(call, said.refusal, said.words ?? "as AWS says it");
    response.writeHead(refused.status, { "content-type": refused.type }).end(refused.body);
  };

  function passOn({ method, headers, url = "/" }: IncomingMessage, response: ServerResponse, body: string): void {
    if (aws === undefined) return void response.writeHead(500).end();
    const onward = httpRequest(new URL(url, aws), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    onward.end(body);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const front: Front = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    say: () => undefined,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return front;
}

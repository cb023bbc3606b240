import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** Stands before the emulated AWS and hears what it is asked. */
export interface Recorder {
  readonly endpoint: string;
  /** Operations that change something, since the last time that it was asked. */
  changes(): string[];
  /** Answers an operation with a refusal instead of passing it on, until it is asked to let it through. */
  refuse(operation: string, code: string, words: string): void;
  letThrough(): void;
  /** Leaves an operation unanswered. @returns resolves once it has been asked */
  hold(operation: string): Promise<void>;
  stop(): Promise<void>;
}

const isReading = /^(Describe|Get|List|Head)/;

/** @param aws endpoint of the emulated AWS */
export async function startRecorder(aws: string): Promise<Recorder> {
  let heard: string[] = [];
  const refusals = new Map<string, { code: string; words: string }>();
  const held = new Map<string, () => void>();
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.writeHead(502).end());
  });
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const operation = operationOf(request, body);
    if (!isReading.test(operation)) heard.push(operation);
    const asked = held.get(operation);
    if (asked !== undefined) return asked();
    const refusal = refusals.get(operation);
    if (refusal !== undefined) {
      const { code, words } = refusal;
      const error = `<Error><Code>${code}</Code><Message>${words}</Message></Error>`;
      response.writeHead(400, { "content-type": "text/xml", "x-amzn-requestid": "a-request" });
      return void response.end(`<Response><Errors>${error}</Errors><RequestID>a-request</RequestID></Response>`);
    }
    const { method, headers, url = "/" } = request;
    const onward = httpRequest(new URL(url, aws), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    onward.end(body);
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    changes: () => {
      const since = heard;
      heard = [];
      return since;
    },
    refuse: (operation, code, words) => void refusals.set(operation, { code, words }),
    letThrough: () => refusals.clear(),
    hold: (operation) => new Promise((resolve) => void held.set(operation, resolve)),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close").catch(() => undefined);
    },
  };
}

/** What an SDK asks, by any of the protocols that AWS has; what asks S3 is its method and path. */
function operationOf({ headers, method = "", url = "/" }: IncomingMessage, body: Buffer): string {
  const target = headers["x-amz-target"];
  if (typeof target === "string") return target.split(".").at(-1) ?? "";
  const [, byPath] = /\/operation\/(\w+)$/.exec(url) ?? [];
  if (byPath !== undefined) return byPath;
  const action = String(headers["content-type"]).includes("form-urlencoded")
    ? new URLSearchParams(body.toString()).get("Action")
    : null;
  if (action !== null) return action;
  return method === "GET" || method === "HEAD" ? `Get ${url}` : `${method} ${url}`;
}

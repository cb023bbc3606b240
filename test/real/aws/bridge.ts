import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { makeBucketPolicies } from "./bucket-policies.js";
import { callOf, saysWhatItAsks, type Answer, type Handler, type Onward } from "./call.js";
import type { Said } from "./opened.js";
import { makeRefusals, type Refusals } from "./refusals.js";
import { makeSystemsManager, type Managed, type SystemsManager } from "./systems-manager.js";
import { actionInPath, makeWithheld, type Withheld } from "./withheld.js";

/*
 * What stands before the emulated AWS and answers what that has not, or not as a machine needs it: Systems Manager whose commands are really run, and whatever else
 * it is given. Everything else is passed on.
 */

/** What stands before the emulated AWS. */
export interface Bridge {
  /** The endpoint for every AWS SDK. */
  readonly endpoint: string;
  /** Makes an instance known that a machine is; its agent may come then, and it takes commands at once. */
  add(id: string, tags?: Readonly<Record<string, string>>): void;
  readonly systemsManager: SystemsManager;
  readonly withheld: Withheld;
  readonly refusals: Refusals;
  /** Every script that was sent to be run, and all that came back. */
  readonly said: readonly Said[];
  /** The regions that were asked anything so far. */
  regions(): readonly string[];
  /** What was asked so far, a line each: `<region> <service> <action>`, or the method and path where the body does not say what is asked. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** @param aws endpoint of the emulated AWS @param handlers are asked in turn, after Systems Manager @param said gets what is said */
export async function startBridge(aws: string, handlers: readonly Handler[] = [], said: Said[] = []): Promise<Bridge> {
  const regions = new Set<string>();
  const calls: string[] = [];
  const systemsManager = makeSystemsManager(said);
  const policies = makeBucketPolicies();
  const withheld = makeWithheld();
  const refusals = makeRefusals();
  const all = [refusals.answer, systemsManager.answer, ...handlers];

  /** As it flows, in both directions. */
  function passOn(request: IncomingMessage, response: ServerResponse): void {
    const { method, headers, url = "/" } = request;
    const onward = httpRequest(new URL(url, aws), { method, headers }, (answer) => {
      void withheld.mayAnswer(actionInPath(request)).then(() => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  }

  const asked = ({ url = "/", method, headers }: IncomingMessage, body: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const others = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "transfer-encoding"));
      const length = String(Buffer.byteLength(body));
      const onward = httpRequest(
        new URL(url, aws),
        { method, headers: { ...others, "content-length": length } },
        (answer) => {
          const [status, type] = [answer.statusCode ?? 502, answer.headers["content-type"] ?? ""];
          text(answer).then((answered) => resolve({ status, type, body: answered }), reject);
        },
      );
      onward.on("error", reject);
      onward.end(body);
    });

  async function policyOf(bucket: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "DELETE") policies.drop(bucket);
    if (request.method === "PUT") {
      const { status } = await asked(request, policies.put(bucket, await text(request)));
      return void response.writeHead(status).end();
    }
    const kept = policies.get(bucket);
    if (request.method === "GET" && kept !== undefined)
      return void response.writeHead(200, { "content-type": "application/json" }).end(kept);
    passOn(request, response);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (path.startsWith("/agent/")) return systemsManager.agent(path.split("/").slice(2), request, response);
    const [, region, service] =
      /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers.authorization ?? "") ?? [];
    if (region !== undefined) regions.add(region);
    const bucket = policies.bucketOf(request);
    if (bucket !== undefined || !saysWhatItAsks(request)) {
      calls.push([region, service, request.method, path].join(" "));
      return bucket === undefined ? passOn(request, response) : policyOf(bucket, request, response);
    }
    const body = await text(request);
    const call = callOf(request, body);
    calls.push(`${call.region} ${call.service} ${call.action}`);
    const onward: Onward = (form) => asked(request, form?.toString() ?? body);
    let answer: Answer | undefined;
    for (const handler of all) if ((answer = await handler(call, onward)) !== undefined) break;
    answer ??= await onward();
    await withheld.mayAnswer(call.action);
    response.writeHead(answer.status, { "content-type": answer.type }).end(answer.body);
  }

  const server: Server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (id, tags = {}) => systemsManager.add(id, { ...alwaysThere, tags: async () => tags }),
    systemsManager,
    withheld,
    refusals,
    said,
    regions: () => [...regions],
    asked: calls,
    stop: async () => {
      withheld.letGo();
      server.closeAllConnections();
      server.close();
      await once(server, "close").catch(() => undefined);
    },
  };
}

const alwaysThere: Omit<Managed, "tags"> = { isRunning: () => true, isRegistered: true };

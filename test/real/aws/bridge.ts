import { randomUUID } from "node:crypto";
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
import { z } from "zod";

/*
 * What the emulated AWS has not: Systems Manager whose commands are really run, by an agent on a machine of the tests' (`instance-agent.sh`). Everything else is passed on.
 * Source: Systems Manager API.
 */

/** What stands before the emulated AWS. */
export interface Bridge {
  /** The endpoint for every AWS SDK. */
  readonly endpoint: string;
  /** Makes an instance known that a machine is; its agent may come then. */
  add(id: string, tags?: Readonly<Record<string, string>>): void;
  /** Every script that was sent to be run, and all that came back. */
  readonly said: readonly string[];
  stop(): Promise<void>;
}

interface Command {
  readonly id: string;
  readonly instance: string;
  readonly script: string;
  readonly takenBy: number;
  state: "Pending" | "InProgress" | "Success" | "Failed" | "TimedOut";
  out: string;
  err: string;
}
interface Instance {
  readonly tags: Readonly<Record<string, string>>;
  readonly queue: Command[];
  waiting: ((command: Command) => void) | undefined;
}

const sendSchema = z.object({
  InstanceIds: z.array(z.string()).optional(),
  Targets: z.array(z.object({ Key: z.string(), Values: z.array(z.string()) })).optional(),
  DocumentName: z.literal("AWS-RunShellScript"),
  TimeoutSeconds: z.number().min(30),
  Parameters: z.object({ commands: z.array(z.string()), executionTimeout: z.array(z.string()) }),
});
const askSchema = z.object({ CommandId: z.string(), InstanceId: z.string().optional() });

/** @param aws endpoint of the emulated AWS */
export async function startBridge(aws: string): Promise<Bridge> {
  const instances = new Map<string, Instance>();
  const commands = new Map<string, Command[]>();
  const said: string[] = [];

  const json = (response: ServerResponse, status: number, body: unknown): void =>
    void response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
  const refuse = (response: ServerResponse, type: string): void => json(response, 400, { __type: type, message: type });

  function send(body: z.infer<typeof sendSchema>, response: ServerResponse): void {
    const tagged = (body.Targets ?? []).flatMap(({ Key, Values }) =>
      [...instances].flatMap(([id, { tags }]) => (Values.includes(tags[Key.replace(/^tag:/, "")] ?? "") ? [id] : [])),
    );
    const wanted = body.InstanceIds ?? tagged;
    if (wanted.some((id) => !instances.has(id))) return refuse(response, "InvalidInstanceId");
    const script = body.Parameters.commands.join("\n");
    if (script.length > 65_536) return refuse(response, "MaxDocumentSizeExceeded");
    said.push(script);
    const id = randomUUID();
    const sent = wanted.map((instance): Command => {
      const takenBy = Date.now() + body.TimeoutSeconds * 1_000;
      return { id, instance, script, takenBy, state: "Pending", out: "", err: "" };
    });
    commands.set(id, sent);
    for (const command of sent) {
      const instance = instances.get(command.instance);
      if (instance?.waiting === undefined) instance?.queue.push(command);
      else instance.waiting(command);
    }
    json(response, 200, { Command: { CommandId: id } });
  }

  function look({ CommandId, InstanceId }: z.infer<typeof askSchema>, response: ServerResponse): void {
    const found = commands.get(CommandId)?.find(({ instance }) => instance === InstanceId);
    if (found === undefined) return refuse(response, "InvocationDoesNotExist");
    if (found.state === "Pending" && Date.now() > found.takenBy) found.state = "TimedOut";
    const details = found.state === "TimedOut" ? "DeliveryTimedOut" : found.state;
    const [StandardOutputContent, StandardErrorContent] = [found.out, found.err];
    json(response, 200, { Status: found.state, StatusDetails: details, StandardOutputContent, StandardErrorContent });
  }

  const list = ({ CommandId }: z.infer<typeof askSchema>, response: ServerResponse): void =>
    json(response, 200, {
      CommandInvocations: (commands.get(CommandId) ?? []).map(({ instance }) => ({ CommandId, InstanceId: instance })),
    });

  /** What an agent says and asks: `next`, and for a command `out`, `err` and `end`. */
  async function agent(path: readonly string[], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [id = "", what = "", part = ""] = path;
    const instance = instances.get(id);
    if (instance === undefined) return void response.writeHead(404).end();
    if (what === "next") {
      const take = (command: Command): void => {
        instance.waiting = undefined;
        if (Date.now() > command.takenBy) return void response.end();
        command.state = "InProgress";
        response.end(`${command.id} ${Buffer.from(command.script).toString("base64")}`);
      };
      const next = instance.queue.shift();
      if (next !== undefined) return take(next);
      instance.waiting = take;
      response.once("close", () => {
        if (instance.waiting === take) instance.waiting = undefined;
      });
      return;
    }
    const command = commands.get(what)?.find((one) => one.instance === id);
    const body = await text(request);
    if (command !== undefined) {
      if (part === "out") command.out = body;
      if (part === "err") command.err = body;
      if (part === "end") command.state = body === "0" ? "Success" : "Failed";
      if (part !== "end") said.push(body);
    }
    response.end();
  }

  function passOn(request: IncomingMessage, response: ServerResponse): void {
    const { method, headers, url = "/" } = request;
    const onward = httpRequest(new URL(url, aws), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const target = request.headers["x-amz-target"];
    const [, action = ""] = typeof target === "string" ? (/^AmazonSSM\.(\w+)$/.exec(target) ?? []) : [];
    if (path.startsWith("/agent/")) return agent(path.split("/").slice(2), request, response);
    if (action === "SendCommand") return send(sendSchema.parse(JSON.parse(await text(request))), response);
    if (action === "GetCommandInvocation") return look(askSchema.parse(JSON.parse(await text(request))), response);
    if (action === "ListCommandInvocations") return list(askSchema.parse(JSON.parse(await text(request))), response);
    passOn(request, response);
  }

  const server: Server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (id, tags = {}) => void instances.set(id, { tags, queue: [], waiting: undefined }),
    said,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close").catch(() => undefined);
    },
  };
}

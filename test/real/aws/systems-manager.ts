import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { jsonAnswer, jsonRefusal, type Answer, type Handler } from "./call.js";
import type { Said } from "./opened.js";

/*
 * Systems Manager whose commands are really run, by an agent on a machine of the tests' (`instance-agent.sh`).
 * Source: Systems Manager API.
 */

/** An instance, as Systems Manager knows of it. */
export interface Managed {
  /** Where it is; `undefined`: wherever it is asked for. */
  readonly region?: string;
  tags(): Promise<Readonly<Record<string, string>>>;
  /** One that does not run takes no command. */
  isRunning(): boolean;
  /** Whether its agent counts as having come already. Else it takes no command before it has. */
  readonly isRegistered: boolean;
}

/** Systems Manager of all regions. */
export interface SystemsManager {
  readonly answer: Handler;
  /** What an agent says and asks: `next`, and for a command `out`, `err` and `end`. */
  agent(path: readonly string[], request: IncomingMessage, response: ServerResponse): Promise<void>;
  add(id: string, managed: Managed): void;
  remove(id: string): void;
  /** Whether its agent has ever come. */
  hasCome(id: string): boolean;
  /** An agent that is off takes no command, as one whose network is away; the instance is still known. */
  setAgent(id: string, is: "on" | "off"): void;
}

interface Command {
  readonly id: string;
  readonly instance: string;
  readonly script: string;
  readonly takenBy: number;
  readonly longestMs: number;
  endsBy: number;
  state: "Pending" | "InProgress" | "Success" | "Failed" | "TimedOut";
  details: string | undefined;
  out: string;
  err: string;
}
interface Instance {
  readonly managed: Managed;
  queue: Command[];
  waiting: ((command: Command) => void) | undefined;
  hasCome: boolean;
  isOff: boolean;
}

const sendSchema = z.object({
  InstanceIds: z.array(z.string()).optional(),
  Targets: z.array(z.object({ Key: z.string(), Values: z.array(z.string()) })).optional(),
  DocumentName: z.literal("AWS-RunShellScript"),
  TimeoutSeconds: z.number().min(30),
  Parameters: z.object({ commands: z.array(z.string()), executionTimeout: z.array(z.string()) }),
});
const askSchema = z.object({ CommandId: z.string(), InstanceId: z.string().optional() });

/** @param said is given every script and all that comes back */
export function makeSystemsManager(said: Said[]): SystemsManager {
  const instances = new Map<string, Instance>();
  const commands = new Map<string, Command[]>();

  const takesCommands = (region: string, id: string): boolean => {
    const one = instances.get(id);
    if (one === undefined || (one.managed.region ?? region) !== region) return false;
    return one.hasCome && one.managed.isRunning();
  };

  async function tagged(region: string, targets: NonNullable<z.infer<typeof sendSchema>["Targets"]>) {
    const found: string[] = [];
    for (const [id, { managed }] of instances) {
      if (!takesCommands(region, id)) continue;
      const tags = await managed.tags();
      const has = ({ Key, Values }: (typeof targets)[number]): boolean =>
        Values.includes(tags[Key.replace(/^tag:/, "")] ?? "");
      if (targets.every(has)) found.push(id);
    }
    return found;
  }

  /** To whoever waits for it, else kept until somebody asks. */
  const bring = (instance: Instance, command: Command): void => {
    if (instance.isOff || instance.waiting === undefined) instance.queue.push(command);
    else instance.waiting(command);
  };

  async function send(region: string, body: z.infer<typeof sendSchema>): Promise<Answer> {
    const wanted = body.InstanceIds ?? (await tagged(region, body.Targets ?? []));
    if (wanted.some((id) => !takesCommands(region, id))) return jsonRefusal("InvalidInstanceId");
    const script = body.Parameters.commands.join("\n");
    if (script.length > 65_536) return jsonRefusal("MaxDocumentSizeExceeded");
    said.push({ what: "command", text: script });
    const id = randomUUID();
    const takenBy = Date.now() + body.TimeoutSeconds * 1_000;
    const longestMs = Number(body.Parameters.executionTimeout[0]) * 1_000;
    const sent = wanted.map((instance): Command => {
      const fresh = { state: "Pending", details: undefined, out: "", err: "" } as const;
      return { id, instance, script, takenBy, longestMs, endsBy: Infinity, ...fresh };
    });
    commands.set(id, sent);
    for (const command of sent) {
      const instance = instances.get(command.instance);
      if (instance !== undefined) bring(instance, command);
    }
    return jsonAnswer({ Command: { CommandId: id } });
  }

  function look({ CommandId, InstanceId }: z.infer<typeof askSchema>): Answer {
    const found = commands.get(CommandId)?.find(({ instance }) => instance === InstanceId);
    if (found === undefined) return jsonRefusal("InvocationDoesNotExist");
    const end = (details: string): void => void Object.assign(found, { state: "TimedOut", details });
    if (found.state === "Pending" && Date.now() > found.takenBy) end("DeliveryTimedOut");
    if (found.state === "InProgress" && Date.now() > found.endsBy) end("ExecutionTimedOut");
    return jsonAnswer({
      Status: found.state,
      StatusDetails: found.details ?? found.state,
      StandardOutputContent: found.out,
      StandardErrorContent: found.err,
    });
  }

  const list = ({ CommandId }: z.infer<typeof askSchema>): Answer =>
    jsonAnswer({
      CommandInvocations: (commands.get(CommandId) ?? []).map(({ instance }) => ({ CommandId, InstanceId: instance })),
    });

  const describe = (region: string): Answer =>
    jsonAnswer({
      InstanceInformationList: [...instances].flatMap(([id, { hasCome, isOff, managed }]) =>
        hasCome && (managed.region ?? region) === region
          ? [{ InstanceId: id, PingStatus: managed.isRunning() && !isOff ? "Online" : "ConnectionLost" }]
          : [],
      ),
    });

  const agent: SystemsManager["agent"] = async (path, request, response) => {
    const [id = "", what = "", part = ""] = path;
    const instance = instances.get(id);
    if (instance === undefined) return void response.writeHead(404).end();
    if (what === "next") {
      if (instance.isOff) return void response.writeHead(503).end();
      instance.hasCome = true;
      const take = (command: Command): void => {
        instance.waiting = undefined;
        if (Date.now() > command.takenBy) return void response.end();
        command.state = "InProgress";
        command.endsBy = Date.now() + command.longestMs;
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
      if (part === "end" && command.state === "InProgress") command.state = body === "0" ? "Success" : "Failed";
      if (part !== "end") said.push({ what: "output", text: body });
    }
    response.end();
  };

  return {
    agent,
    answer: async ({ service, region, action, json }) => {
      if (service !== "ssm") return undefined;
      if (action === "SendCommand") return send(region, sendSchema.parse(json));
      if (action === "GetCommandInvocation") return look(askSchema.parse(json));
      if (action === "ListCommandInvocations") return list(askSchema.parse(json));
      if (action === "DescribeInstanceInformation") return describe(region);
      return undefined;
    },
    add: (id, managed) => {
      const { isRegistered: hasCome } = managed;
      instances.set(id, { managed, queue: [], waiting: undefined, hasCome, isOff: false });
    },
    remove: (id) => void instances.delete(id),
    hasCome: (id) => instances.get(id)?.hasCome === true,
    setAgent: (id, is) => {
      const instance = instances.get(id);
      if (instance === undefined) throw new Error(`${id} is not an instance`);
      instance.isOff = is === "off";
      if (instance.isOff || instance.waiting === undefined) return;
      const next = instance.queue.shift();
      if (next !== undefined) instance.waiting(next);
    },
  };
}

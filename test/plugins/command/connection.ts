import { existsSync } from "node:fs";
import { Client, utils, type AuthHandlerMiddleware, type ConnectConfig } from "ssh2";
import { systemClock } from "../../../system/clock.js";
import { changeWithin, isTree, type Properties } from "../engine/values.js";
import type { Work } from "../engine/resource-type.js";

/** The provider's own defaults for a connection and for its proxy (`connection.go`), which it also keeps in the state. */
const defaults = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };

/** The inputs with the defaults of their connection. */
export const withConnectionDefaults = (inputs: Properties): Properties => ({
  ...inputs,
  connection: changeWithin(inputs["connection"], (connection) => {
    if (!isTree(connection)) return connection;
    const proxy = connection["proxy"];
    const whole = { ...defaults, ...connection };
    return proxy === undefined ? whole : { ...whole, proxy: changeWithin(proxy, addDefaults) };
  }),
});
const addDefaults = (value: unknown): unknown => (isTree(value) ? { ...defaults, ...value } : value);

/** Where and as whom. */
interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly hostKey?: string;
  readonly password?: string;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  readonly agentSocketPath?: string;
  readonly dialErrorLimit: number;
  readonly perDialTimeout: number;
  readonly proxy?: Endpoint;
}

/** Between two dials, growing by half, as the SDK's own retries do. */
const [firstPauseMs, growth, longestPauseMs] = [100, 1.5, 5_000];

/** Uses a connection and ends it, and the one to the proxy with it. */
export async function withConnection<T>(
  inputs: Properties,
  work: Work,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const endpoint = { ...defaults, ...(inputs["connection"] as Properties) } as unknown as Endpoint;
  const proxy = endpoint.proxy && (await dial({ ...defaults, ...endpoint.proxy }, work, "Dial proxy"));
  try {
    const client = await dial(endpoint, work, "Dial", proxy);
    try {
      return await use(client);
    } finally {
      client.end();
    }
  } finally {
    proxy?.end();
  }
}

/** Dials until it is through, at most `dialErrorLimit` times after the first, or for ever when that is -1. */
async function dial(endpoint: Endpoint, work: Work, what: string, through?: Client): Promise<Client> {
  const limit = endpoint.dialErrorLimit;
  for (let failed = 0, pause = firstPauseMs; ; pause = Math.min(pause * growth, longestPauseMs)) {
    try {
      return await connect(endpoint, work, through);
    } catch (error) {
      if (work.signal.aborted) throw work.signal.reason;
      if (limit >= 0 && failed >= limit) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`${what === "Dial" ? "" : "proxy: "}after ${failed} failed attempts: ${why}`);
      }
      failed++;
      work.status(`${what} ${failed}/${limit < 0 ? "inf" : limit} failed: retrying`);
      await systemClock.sleep(pause, work.signal);
    }
  }
}

async function connect(endpoint: Endpoint, work: Work, through?: Client): Promise<Client> {
  const { host, port, user, perDialTimeout } = endpoint;
  const timeoutMs = perDialTimeout * 1000;
  const client = new Client();
  const sock = through && (await forwarded(through, host, port));
  const config: ConnectConfig = {
    username: user,
    readyTimeout: timeoutMs,
    authHandler: authentication(endpoint),
    ...hostVerifier(endpoint),
    ...(sock ? { sock } : { host, port, timeout: timeoutMs }),
  };
  return new Promise((resolve, reject) => {
    const abort = (): void => void client.destroy();
    work.signal.addEventListener("abort", abort, { once: true });
    client.once("close", () => work.signal.removeEventListener("abort", abort));
    client.once("ready", () => resolve(client));
    client.on("error", reject); // stays: a connection may also fail while it is used, which its channels then tell
    client.once("close", () => reject(new Error("the connection was closed")));
    client.connect(config);
  });
}

const forwarded = (through: Client, host: string, port: number): Promise<NonNullable<ConnectConfig["sock"]>> =>
  new Promise((resolve, reject) => {
    through.forwardOut("127.0.0.1", 0, host, port, (error, channel) => (error ? reject(error) : resolve(channel)));
  });

/** Without a `hostKey` the real provider believes any, and so does this one; with one, no other. */
function hostVerifier({ hostKey }: Endpoint): Pick<ConnectConfig, "hostVerifier" | "algorithms"> {
  if (hostKey === undefined) return { hostVerifier: () => true };
  const expected = Buffer.from(/^\s*(?:\S+\s+)?(AAAA\S+)/.exec(hostKey)?.[1] ?? "", "base64");
  if (expected.length === 0) throw new Error("hostKey is no public key of the kind `ssh-ed25519 AAAA…`");
  return { hostVerifier: (key: Buffer) => key.equals(expected) };
}

/** First the key, then the password, then the agent (`SShConfig` in `connection.go`). */
function authentication(endpoint: Endpoint): AuthHandlerMiddleware {
  const { user: username, password, privateKey, privateKeyPassword: passphrase } = endpoint;
  const agent = endpoint.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
  const methods: unknown[] = [{ type: "none", username }];
  if (privateKey !== undefined) {
    const key = utils.parseKey(privateKey, passphrase);
    if (key instanceof Error) throw key;
    methods.push({ type: "publickey", username, key });
  }
  if (password !== undefined) {
    methods.push({ type: "password", username, password });
    methods.push({
      type: "keyboard-interactive",
      username,
      prompt: (...args: unknown[]) => {
        const [prompts, answer] = [args[3] as unknown[], args[4] as (answers: string[]) => void];
        answer(prompts.map(() => password));
      },
    });
  }
  if (agent !== undefined && agent !== "") {
    if (!existsSync(agent)) throw new Error(`dial unix ${agent}: connect: no such file or directory`);
    methods.push({ type: "agent", username, agent });
  }
  return (_left, _partial, next) => next((methods.shift() ?? false) as never);
}

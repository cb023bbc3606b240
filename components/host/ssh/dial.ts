import type { Duplex } from "node:stream";
import type { Client, ClientErrorExtensions, ConnectConfig } from "ssh2";
import { systemClock } from "../../../system/clock.js";
import { retry } from "../../../system/retry.js";
import { ssh2 } from "./ssh2.js";
import { HostKeyChanged, HostUnreachable, LoginRefused } from "./errors.js";
import { algorithmsFor, everyAlgorithm, isPinned, lineOfKey } from "./host-key.js";
import { credentialsOf, type Credentials } from "./identity.js";
import { learn, type SshServer, type SshWay, type StatedWay } from "./reference.js";

/** Longest that one dial may take (ms). */
const dialMs = 10_000;
/** Between two looks for a peer that may have gone silently (ms), and how many of them it may miss. */
const keepalive = { keepaliveInterval: 10_000, keepaliveCountMax: 3 };
/** How long a connection may have been dead before it ends (ms). */
export const deadMs = keepalive.keepaliveInterval * (keepalive.keepaliveCountMax + 1);

/**
 * Opens a connection to a host, by its bastion where it has one. Each server proves its pinned key before anything of ours is sent. A machine that does not answer
 * yet is dialled again until `waitMs` are over; one that shows another key or refuses the login is not.
 * @throws HostUnreachable, HostKeyChanged, LoginRefused, SecretFileUnusable
 */
export async function dial(way: SshWay, waitMs: number): Promise<Client> {
  const credentials = await credentialsOf(way.identity);
  return patiently(waitMs, async (leftMs) => {
    if (way.bastion === null) return logIn(way.server, credentials, undefined, leftMs);
    const bastion = await logIn(way.bastion, credentials, undefined, leftMs);
    try {
      const host = await logIn(way.server, credentials, await through(bastion, way.bastion, way.server), leftMs);
      host.once("close", () => bastion.end());
      bastion.once("close", () => host.destroy());
      return host;
    } catch (error) {
      bastion.end();
      throw error;
    }
  });
}

/**
 * The way with every key that was still to be learnt: as the servers show them now. Nothing but the key exchange is spoken meanwhile.
 * @param known keys from an earlier contact, which hold
 */
export async function learnt(stated: StatedWay, known: SshWay | undefined, waitMs: number): Promise<SshWay> {
  const { identity, sudo, bastion } = stated;
  const keyFor = async (
    server: StatedWay["server"],
    held: string | undefined,
    shows: (leftMs: number) => Promise<string>,
  ): Promise<SshServer> => {
    const hostKey = server.hostKey === learn ? (held ?? (await patiently(waitMs, shows))) : server.hostKey;
    return { ...server, hostKey };
  };
  const first =
    bastion === null
      ? null
      : await keyFor(bastion, known?.bastion?.hostKey, (leftMs) => shownBy(bastion, undefined, leftMs));
  const server = await keyFor(stated.server, known?.server.hostKey, async (leftMs) => {
    if (first === null) return shownBy(stated.server, undefined, leftMs);
    const hop = await logIn(first, await credentialsOf(identity), undefined, leftMs);
    try {
      return await shownBy(stated.server, await through(hop, first, stated.server), leftMs);
    } finally {
      hop.end();
    }
  });
  return { server, bastion: first, identity, sudo };
}

/** Tries again while a machine does not answer, until the time is over. */
function patiently<T>(waitMs: number, attempt: (leftMs: number) => Promise<T>): Promise<T> {
  const end = systemClock.now() + waitMs;
  return retry(() => attempt(Math.max(1_000, Math.min(dialMs, end - systemClock.now()))), {
    policy: { attempts: Infinity, pauseMs: 250, maxPauseMs: 3_000 },
    clock: systemClock,
    worthRetrying: (error) => error instanceof HostUnreachable && error.mayPass,
    signal: AbortSignal.timeout(waitMs),
  });
}

type Endpoint = Pick<SshServer, "address" | "port" | "user">;

/** A login at a server that has shown its pinned key. */
async function logIn(
  server: SshServer,
  { auth, by }: Credentials,
  sock: Duplex | undefined,
  timeoutMs: number,
): Promise<Client> {
  let wrong: Buffer | undefined;
  const ended = await connected(server, sock, timeoutMs, {
    ...auth,
    authHandler: "agent" in auth ? ["agent"] : ["publickey"],
    algorithms: { serverHostKey: [...algorithmsFor(server.hostKey)] },
    hostVerifier: (shown: Buffer) => {
      if (isPinned(server.hostKey, shown)) return true;
      wrong = shown;
      return false;
    },
  });
  if ("client" in ended) return ended.client;
  if (wrong !== undefined) throw new HostKeyChanged(server, wrong);
  throw meaning(server, by, ended);
}

/** The key that a server shows. The connection is ended as soon as it has. */
async function shownBy(server: Endpoint, sock: Duplex | undefined, timeoutMs: number): Promise<string> {
  let seen: Buffer | undefined;
  const ended = await connected(server, sock, timeoutMs, {
    authHandler: [],
    algorithms: { serverHostKey: [...everyAlgorithm] },
    hostVerifier: (shown: Buffer) => {
      seen = shown;
      return false;
    },
  });
  if (seen !== undefined) return lineOfKey(seen);
  if ("client" in ended) throw new Error("a server was let in that was only to show its key");
  throw new HostUnreachable(server, ended.why, ended.error, ended.error?.code !== "ENOTFOUND");
}

/** Why a dial came to nothing. */
export interface Failure {
  readonly error: (Error & ClientErrorExtensions & { readonly code?: string }) | undefined;
  /** In a person's words. */
  readonly why: string;
  /** What the server said before the login. */
  readonly banner: string;
}

/** What a failed dial at a server that showed no wrong key means. Pure. */
export function meaning(server: SshServer, by: string, { error, why, banner }: Failure): Error {
  if (error?.level === "client-authentication" || error?.level === "agent") {
    // pam_nologin keeps everybody but root out until a machine has booted: that passes
    if (/booting up|shut ?down|going down/i.test(banner))
      return new HostUnreachable(server, "it is still booting", error, true);
    return new LoginRefused(server, by, error);
  }
  if (error?.level === "handshake" && /signature|host key/i.test(error.message))
    return new HostKeyChanged(server, null);
  const passes = error?.level !== "handshake" && error?.code !== "ENOTFOUND";
  return new HostUnreachable(server, why, error, passes);
}

async function connected(
  { address, port, user }: Endpoint,
  sock: Duplex | undefined,
  timeoutMs: number,
  config: ConnectConfig,
): Promise<Failure | { readonly client: Client }> {
  const { Client: SshClient } = await ssh2();
  return new Promise((resolve) => {
    const client = new SshClient();
    let banner = "";
    let trouble: Failure["error"];
    const end = (): void => {
      client.destroy();
      resolve({ error: trouble, why: inWords(trouble, timeoutMs), banner });
    };
    client
      .on("banner", (text) => (banner += text))
      .on("error", (error: NonNullable<Failure["error"]>) => {
        if (trouble === undefined || trouble.level === "agent") trouble = error;
        if (error.level !== "agent") end(); // an agent that fails is told of first, and then that no method is left
      })
      .once("close", end)
      .once("ready", () => {
        client.removeListener("close", end);
        resolve({ client });
      })
      .connect({
        host: address,
        port,
        username: user,
        readyTimeout: timeoutMs,
        ...keepalive,
        ...(sock === undefined ? {} : { sock }),
        ...config,
      })
      .setNoDelay(true); // what is said is short, and each time answered: a kernel that collects it costs 40 ms a program
  });
}

function inWords(error: Failure["error"], timeoutMs: number): string {
  if (error === undefined) return "it ended the connection";
  if (error.code === "ECONNREFUSED") return "it refuses the connection";
  if (error.code === "ENOTFOUND") return "there is no machine of that name";
  if (error.level === "client-timeout") return `nothing came within ${Math.round(timeoutMs / 1_000)} s`;
  return error.message;
}

/** A stream to the host from its bastion. */
function through(bastion: Client, by: SshServer, to: Endpoint): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    bastion.forwardOut("127.0.0.1", 0, to.address, to.port, (error, stream) => {
      if (error === undefined) resolve(stream);
      else reject(new HostUnreachable(to, `its bastion ${by.address} cannot reach it (${error.message})`, error, true));
    });
  });
}

import { randomBytes } from "node:crypto";
import { Readable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client, ClientChannel } from "ssh2";
import { systemClock } from "../../../system/clock.js";
import type { ProcessResult } from "../../../system/process.js";
import { retry } from "../../../system/retry.js";
import { commandLine } from "../shell/command-line.js";
import type { StreamingShell } from "../shell/remote-shell.js";
import { elevated, talkWithSudo, type Elevated } from "./sudo.js";
import { deadMs, dial } from "./dial.js";
import { ConnectionLost, SudoRefused } from "./errors.js";
import { loopbackStream } from "./forward.js";
import { passwordIn } from "./identity.js";
import type { SshWay } from "./reference.js";

/** A way to run programs on a host, and to reach what runs there, over one connection that is kept for a while. */
export interface SshConnection extends StreamingShell {
  /** Works on a stream to a port of the host's own loopback. @returns `undefined` where the server opens none @throws HostNotReached, SecretFileUnusable */
  onLoopback<T>(port: number, work: (stream: Duplex) => Promise<T>): Promise<T | undefined>;
  /** Ends the connection now, rather than when it has been idle for a while. */
  close(): void;
}

/** Most that a program may print (characters): far more than any reply, and no way to fill this machine's memory. */
const maxOutput = 16 * 1024 * 1024;
/** Programs at a time: sshd takes ten on one connection by default (`MaxSessions`). */
const atOnce = 8;
/** How long a host that does not answer is waited for (ms), where nobody says otherwise. */
const usualWaitMs = 30_000;
/** How long a connection that nobody uses is kept (ms). */
const idleMs = 5_000;
/** Longest talk with `sudo` (ms). Its own delay after a wrong password is 2 s; a connection that is dead has to end before, or its silence would be taken for sudo's. */
const sudoMs = deadMs + 20_000;

const kept = new Map<string, SshConnection>();

/** The connection to a host: one a process and way, dialled when it is first needed and again after it was lost. */
export function connectionTo(way: SshWay): SshConnection {
  const { server, bastion, identity, sudo } = way;
  const key = JSON.stringify([server, bastion, identity, sudo]);
  const connection = kept.get(key) ?? open(way);
  kept.set(key, connection);
  return connection;
}

function open(way: SshWay): SshConnection {
  let client: Promise<Client> | undefined;
  let idle: NodeJS.Timeout | undefined;
  let running = 0;
  const waiting: (() => void)[] = [];

  const close = (): void => {
    clearTimeout(idle);
    const former = client;
    client = undefined;
    void former?.then(
      (one) => one.end(),
      () => undefined,
    );
  };
  const connected = (waitMs: number): Promise<Client> => {
    if (client !== undefined) return client;
    const mine = dial(way, waitMs);
    const forget = (): void => {
      if (client === mine) client = undefined;
    };
    mine.then((one) => one.once("close", forget), forget);
    return (client = mine);
  };
  /** A kept connection may turn out to be dead, or busy: nothing has been run then, and it is tried again. */
  const channel = (words: readonly string[], waitMs: number): Promise<Started> =>
    retry(async () => started(await connected(waitMs), words), {
      policy: { attempts: 30, pauseMs: 100, maxPauseMs: 2_000 }, // a server may take fewer programs at once than usual
      clock: systemClock,
      worthRetrying: (error) => error instanceof NotStarted,
    }).catch((error: unknown) => {
      throw error instanceof NotStarted ? new ConnectionLost(way.server, error.cause) : error;
    });
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    clearTimeout(idle);
    try {
      return await work();
    } finally {
      running -= 1;
      waiting.shift()?.();
      if (running === 0) idle = setTimeout(close, idleMs).unref();
    }
  };
  return {
    close,
    onLoopback: (port, work) =>
      inTurn(async () => {
        const stream = await loopbackStream(await connected(usualWaitMs), port);
        if (stream === undefined) return undefined;
        try {
          return await work(stream);
        } finally {
          stream.destroy();
        }
      }),
    run: ({ words, input = "", signal, waitMs = usualWaitMs }) =>
      inTurn(async () => {
        const { sudo } = way;
        const asRoot =
          sudo === "none" ? undefined : elevated(words, randomBytes(12).toString("hex"), sudo !== "passwordless");
        const password = typeof sudo === "string" ? undefined : await passwordIn(sudo.passwordFile);
        try {
          const program = await channel(asRoot?.words ?? words, waitMs);
          return await spoken(program, way, { input, signal, asRoot, password });
        } finally {
          password?.fill(0);
        }
      }),
  };
}

/** A program that runs there. How it ends is watched from its very start: the answer to a quick one comes with the word that it was started. */
interface Started {
  readonly stream: ClientChannel;
  /** Its exit code, `null` when a signal ended it; `undefined` when the connection ended first. */
  readonly ended: Promise<number | null | undefined>;
}

/** Nothing has been run. */
class NotStarted extends Error {}

function started(client: Client, words: readonly string[]): Promise<Started> {
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new NotStarted("the connection ended"));
    client.once("close", lost);
    client.exec(commandLine(words), (error, stream) => {
      client.removeListener("close", lost);
      if (error !== undefined) return reject(new NotStarted(error.message, { cause: error }));
      let code: number | null | undefined;
      stream.once("exit", (exit: number | null) => (code = exit));
      const closed = [stream, stream.stderr].map((part) => new Promise<void>((close) => part.once("close", close)));
      resolve({ stream, ended: Promise.all(closed).then(() => code) });
    });
  });
}

interface Talk {
  readonly input: string | Readable;
  readonly signal: AbortSignal | undefined;
  readonly asRoot: Elevated | undefined;
  readonly password: Buffer | undefined;
}

/** Follows a program to its end: the talk with `sudo` first, then its input, and what it prints. */
async function spoken({ stream, ended }: Started, way: SshWay, { input, signal, asRoot, password }: Talk) {
  const result = Promise.withResolvers<Pick<ProcessResult, "code" | "stdout" | "stderr">>();
  let stdout = "";
  let stderr = "";
  let begun = asRoot === undefined;
  let isGiven = false;
  const fail = (error: unknown): void => {
    result.reject(error);
    stream.close();
  };
  const give = (): void => {
    begun = true;
    clearTimeout(overdue);
    const source = typeof input === "string" ? Readable.from(input === "" ? [] : [input]) : input;
    // A program may end before it has read everything: its exit says why. What breaks on our side is told.
    source.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") fail(error);
    });
    void pipeline(source, stream.stdin).catch(() => undefined);
  };
  const talk = (isOver: boolean): void => {
    if (begun || asRoot === undefined) return;
    const heard = talkWithSudo(stderr, asRoot, isOver);
    if (heard.is === "refused") fail(new SudoRefused(way.server, heard.why));
    if (heard.is === "asking" && !isGiven && password !== undefined) {
      isGiven = true;
      stream.stdin.write(Buffer.concat([password, Buffer.from("\n")]));
    }
    if (heard.is !== "begun") return;
    stderr = heard.rest;
    give();
  };
  const overdue = setTimeout(() => fail(new SudoRefused(way.server, "it does not answer")), sudoMs);
  const end = (): void => {
    if (stream.writable) stream.signal("TERM");
    fail(signal?.reason);
  };
  signal?.addEventListener("abort", end, { once: true });
  const bounded = (text: string): void => {
    if (text.length > maxOutput) fail(new Error("a program on the host printed too much"));
  };
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => bounded((stdout += text)));
  stream.stderr.setEncoding("utf8");
  stream.stderr.on("data", (text: string) => {
    bounded((stderr += text));
    talk(false);
  });
  stream.on("error", fail);
  void ended.then((code) => {
    if (code === undefined) return fail(new ConnectionLost(way.server)); // before sudo's last word too
    talk(true);
    result.resolve({ code, stdout, stderr });
  });
  if (begun) give();
  if (signal?.aborted) end();
  try {
    return await result.promise;
  } finally {
    clearTimeout(overdue);
    signal?.removeEventListener("abort", end);
  }
}

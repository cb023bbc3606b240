import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import {
  controlFrameSchema,
  type ControlReply,
  type ParsedControlRequest,
  type Problem,
} from "../../schema/control.js";
import { FleetError } from "../../schema/errors.js";
import { toJson } from "../../schema/json.js";
import { controlSocketName, controlTokenName } from "../../system/control-client.js";
import { ensureFolder, writeAtomically } from "../../system/files.js";
import type { Logger } from "../../system/log.js";
import { notARequest, pathTooLong, wrongToken } from "../control/refusals.js";

/** Longest request line, in bytes. */
const maxRequestBytes = 64 * 1024;
/** A connection that has not sent its line by then is closed, in ms. */
const idleMs = 10_000;
/** `sun_path` without its closing zero: 108 on Linux, 104 on macOS. */
const maxPathBytes = process.platform === "linux" ? 107 : 103;

/** A control socket that is being served. */
export interface ControlSocket {
  close(): Promise<void>;
}

/**
 * Serves the control socket in `stateFolder`: only this user can reach it (folder 0700, socket 0600), and each request must carry the token written beside
 * it, new at each start. One JSON line in, one JSON line out.
 * @throws RequestRefused LF1426
 */
export async function serveControl(options: {
  stateFolder: string;
  handle: (request: ParsedControlRequest) => Promise<ControlReply>;
  log: Logger;
}): Promise<ControlSocket> {
  const { stateFolder, handle, log } = options;
  const path = join(stateFolder, controlSocketName);
  if (Buffer.byteLength(path) > maxPathBytes) throw pathTooLong(path, maxPathBytes);
  await ensureFolder(stateFolder, "private");
  await rm(path, { force: true }); // left by a process that was killed; the state folder's lock says that none lives
  const token = randomBytes(32).toString("hex");
  // Before anybody can ask: who is told that a token is not ours reads it again, and must then find ours.
  await writeAtomically(join(stateFolder, controlTokenName), `${token}\n`, "private");

  const answer = async (line: string): Promise<ControlReply> => {
    try {
      return await handle(parseFrame(line, token));
    } catch (error) {
      if (!(error instanceof FleetError)) log.error({ err: error }, "a control request failed");
      return { ok: false, error: problemOf(error) };
    }
  };
  const server = createServer((socket) => {
    void readLine(socket)
      .then(answer, (error: unknown): ControlReply => ({ ok: false, error: problemOf(error) }))
      .then((reply) => socket.end(`${toJson(reply)}\n`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
  await chmod(path, 0o600);
  return {
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function parseFrame(line: string, token: string): ParsedControlRequest {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw notARequest("it is not JSON");
  }
  const given = typeof json === "object" && json !== null && "token" in json ? json.token : undefined;
  if (typeof given !== "string" || !sameToken(given, token)) throw wrongToken();
  const frame = controlFrameSchema.safeParse(json);
  if (frame.success) return frame.data.request;
  throw notARequest(frame.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}

/** In constant time; hashing makes both sides equally long. */
const sameToken = (given: string, token: string): boolean => timingSafeEqual(digest(given), digest(token));
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => reject(notARequest("the connection ended before the line did")));
    socket.on("data", (piece: string) => {
      text += piece;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > maxRequestBytes) reject(notARequest(`it is longer than ${maxRequestBytes} bytes`));
    });
  });
}

/** LF1429: a request on the control socket failed inside the sidecar. */
const problemOf = (error: unknown): Problem =>
  error instanceof FleetError
    ? { code: error.code, summary: error.summary, fix: error.fix }
    : {
        code: "LF1429",
        summary: "The sidecar failed at this request.",
        fix: "read the sidecar's log on the host, and report it.",
      };

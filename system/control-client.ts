import { constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { controlReplySchema, controlVersion, type ControlReply, type ControlRequest } from "../schema/control.js";
import { FleetError } from "../schema/errors.js";
import { toJson } from "../schema/json.js";

/** Names of the socket and of its token in the sidecar's state folder. */
export const controlSocketName = "control.sock";
/** The file beside the socket that holds its token. */
export const controlTokenName = "control.token";
/** The lock in the same folder that a running sidecar holds (`system/lock.ts`). */
export const sidecarLockName = "sidecar.lock";
/** The sidecar's journal, in its state folder. */
export const journalName = "journal.sqlite";
/** Longest line either side takes, in bytes. */
export const maxControlLineBytes = 4 * 1024 * 1024;

/** LF1420: no sidecar answers on its control socket: it is not running, or only just starting. */
export class SidecarSilent extends FleetError {
  constructor(
    readonly stateFolder: string,
    cause: unknown,
  ) {
    super("LF1420", `No sidecar answers on ${join(stateFolder, controlSocketName)}.`, {
      fix: "look at the service's state and log on its host, then run the command again.",
      cause,
    });
  }
}

/**
 * Asks the sidecar that keeps its state in `stateFolder`; the caller is the user it runs as, or root. One that started anew between the reading of its token and the
 * question is asked again.
 * @param timeoutMs until the whole reply was read. Default 10,000
 * @throws SidecarSilent LF1420 when nobody answers, or not with a reply
 */
export async function callControl(
  stateFolder: string,
  request: ControlRequest,
  timeoutMs = 10_000,
): Promise<ControlReply> {
  const readToken = async (): Promise<string> =>
    (await readFile(join(stateFolder, controlTokenName), { encoding: "utf8", flag: tokenFlags })).trim();
  try {
    for (let token = await readToken(); ;) {
      const frame = `${toJson({ version: controlVersion, token, request })}\n`;
      const line = await exchange(join(stateFolder, controlSocketName), frame, timeoutMs);
      const reply = controlReplySchema.parse(JSON.parse(line));
      if (reply.ok || reply.error.code !== wrongToken) return reply;
      const present = await readToken();
      if (present === token) return reply;
      token = present;
    }
  } catch (error) {
    throw new SidecarSilent(stateFolder, error);
  }
}

/** What a sidecar says to a token that is not its own. */
const wrongToken = "LF1422";

/** The folder is the sidecar's own: whoever asks as root must not read what a link in it points to, and say it on a socket of the sidecar's. */
const tokenFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function exchange(path: string, frame: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = "";
    const socket = createConnection(path, () => socket.write(frame));
    const overdue = setTimeout(() => socket.destroy(new Error("no reply in time")), timeoutMs);
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      reply += text;
      if (reply.length > maxControlLineBytes) socket.destroy(new Error("the reply is too long"));
      else if (reply.endsWith("\n")) socket.end();
    });
    socket.once("error", reject);
    socket.once("close", () => {
      clearTimeout(overdue);
      if (reply.endsWith("\n")) resolve(reply);
      else reject(new Error("the connection ended before the reply did"));
    });
  });
}

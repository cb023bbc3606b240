import { createConnection } from "node:net";
import { z } from "zod";
import { toJson } from "../../schema/json.js";
import { unitSchema, unitStatusSchema } from "../services/unit.js";

/** One JSON line to the supervisor's socket, one line back. The socket is in a folder of mode 0700. */
export const supervisorRequestSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("ensure"), unit: unitSchema }),
  z.object({ op: z.literal("remove"), name: z.string() }),
  z.object({ op: z.literal("status"), name: z.string() }),
  z.object({ op: z.literal("shutdown") }),
]);
export type SupervisorRequest = z.infer<typeof supervisorRequestSchema>;

/** What the supervisor answers, one JSON line. */
export const supervisorReplySchema = z.object({
  /** The supervisor's own process. */
  pid: z.number().int(),
  changed: z.boolean(),
  status: unitStatusSchema.nullable(),
  error: z.string().nullable(),
});
export type SupervisorReply = z.infer<typeof supervisorReplySchema>;

/** Asks the supervisor behind a socket. Rejects with ENOENT or ECONNREFUSED when none is there. */
export function askSupervisor(socket: string, request: SupervisorRequest): Promise<SupervisorReply> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let text = "";
    connection.setEncoding("utf8");
    connection.on("data", (part: string) => (text += part));
    connection.once("error", reject);
    connection.once("close", () => {
      try {
        resolve(supervisorReplySchema.parse(JSON.parse(text)));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    connection.write(`${toJson(request)}\n`);
  });
}

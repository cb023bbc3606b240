import { z } from "zod";

/** What every command of the control API answers (`control.ts`). */
const statusSchema = z.object({
  block: z.object({ number: z.number(), timestamp: z.number(), slot: z.number(), hash: z.string() }),
  finalized: z.number(),
  chainTime: z.number(),
  held: z.boolean(),
  faults: z.array(z.object({ id: z.number(), part: z.string(), kind: z.string() })),
});
export type ControlStatus = z.infer<typeof statusSchema>;

/**
 * Steers a running rehearsal network from another process.
 * @param path `/status`, `/time`, `/mine`, `/miss`, `/reorg`, `/hold`, `/release`
 * @throws Error with the API's words when it refuses
 */
export async function steer(
  network: { readonly control: string },
  method: "GET" | "POST",
  path: string,
  body: unknown = {},
): Promise<ControlStatus> {
  const answer = await fetch(network.control + path, {
    method,
    ...(method === "POST" ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the rehearsal network refused ${path}: ${text}`);
  return statusSchema.parse(JSON.parse(text));
}

import { z } from "zod";
import { type ModelId, modelId } from "../schema/units.js";

/** Generation of the prompt formats this code understands. */
export const protocolVersion = 2;

/** What a worker tells its gateway every few seconds. */
export interface Heartbeat {
  /** Jobs in the pipeline now. */
  readonly activeJobs: number;
  /** Most jobs at a time. */
  readonly maxJobs: number;
  readonly models: readonly ModelId[];
  /** `search`, or nothing. */
  readonly capabilities: readonly "search"[];
}

/** The heartbeat's body, `POST /api/heartbeat`. The fields a gateway worker never varies are constants. Source: sidecar reference §5.3. */
export function encodeHeartbeat({ activeJobs, maxJobs, models, capabilities }: Heartbeat): string {
  return JSON.stringify({
    activeJobs,
    maxJobs,
    models,
    capabilities,
    protocolVersion,
    ollamaStatus: "ready",
    uptimeSeconds: 0,
  });
}

/** The heartbeat's body as a gateway takes it; older workers leave out the last fields. */
export const heartbeatSchema = z.object({
  activeJobs: z.int().nonnegative(),
  maxJobs: z.int().nonnegative(),
  models: z.array(
    z
      .string()
      .regex(/^0x[0-9a-fA-F]{64}$/)
      .transform(modelId),
  ),
  capabilities: z.array(z.string()).default([]),
  protocolVersion: z.int().nonnegative().default(1),
  ollamaStatus: z.string().default("ready"),
  uptimeSeconds: z.number().nonnegative().default(0),
});

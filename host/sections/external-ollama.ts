import { z } from "zod";
import { FleetError } from "../../schema/errors.js";
import type { Clock } from "../../system/clock.js";

/** LF1315: the Ollama that others run for this host does not answer. */
export class ExternalOllamaSilent extends FleetError {
  constructor(url: string, cause: unknown) {
    super("LF1315", `No Ollama answers at ${url}, as seen from this host, within ${waitMs / 1_000} s.`, {
      fix: "look at its log (a container's: docker logs <its name>), then run the same command again.",
      cause,
    });
  }
}

/** Longest that it may take to answer (ms): it may only just be starting. */
const waitMs = 30_000;
const versionSchema = z.looseObject({ version: z.string().regex(/^\d+\.\d+\.\d+/) });

/** Version of an Ollama that is not ours to start, such as `0.11.4`. @throws ExternalOllamaSilent LF1315 */
export async function externalVersion(url: string, clock: Clock): Promise<string> {
  for (const end = clock.now() + waitMs; ; await clock.sleep(200)) {
    try {
      const answer = await fetch(`${url}/api/version`, { signal: AbortSignal.timeout(5_000) });
      return /^\d+\.\d+\.\d+/.exec(versionSchema.parse(await answer.json()).version)?.[0] ?? "";
    } catch (error) {
      if (clock.now() >= end) throw new ExternalOllamaSilent(url, error);
    }
  }
}

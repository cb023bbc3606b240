import { FleetError, PassedOn } from "../../schema/errors.js";
import { hostErrorSchema, hostVerbs, type HostVerb } from "../../schema/host.js";
import { toJson } from "../../schema/json.js";
import type { ProcessResult } from "../../system/process.js";
import type { HostReference } from "../worker-reference.js";
import type { HostReply, HostRequest } from "./host.js";

/** LF1522: the host program ended without an answer. */
export class HostProgramFailed extends FleetError {
  constructor(host: string, verb: string, output: string) {
    super("LF1522", `Host ${host} gave no answer to "${verb}": ${output.trim().split("\n").at(-1) || "no output"}.`, {
      fix: "run the same command again; if it stays, look into the host's supervisor.log",
    });
  }
}

/** A coded error that happened on the host, as it was. */
export class HostRefused extends PassedOn {}

/**
 * Asks the host program one thing and reads its answer, whatever the way to it.
 * @param run starts `host <verb>` there, gives it this text on standard input and waits for its end
 * @throws HostRefused with the host's own code, HostProgramFailed LF1522
 */
export async function askProgram<V extends HostVerb>(
  reference: HostReference,
  verb: V,
  request: HostRequest<V>,
  run: (input: string) => Promise<Pick<ProcessResult, "code" | "stdout" | "stderr">>,
): Promise<HostReply<V>> {
  const ended = await run(toJson({ ...identityFor(verb, reference), ...request }));
  const answer = parseAnswer(ended.stdout);
  if (ended.code === 0 && answer !== undefined) {
    return hostVerbs[verb].reply.parse(answer) as never; // the verb picks the schema; TypeScript cannot follow that
  }
  const refused = hostErrorSchema.safeParse(answer);
  if (refused.success) throw new HostRefused(refused.data.error);
  throw new HostProgramFailed(reference.name, verb, ended.stderr);
}

const identityFor = (verb: HostVerb, { root, name }: HostReference): Record<string, string> =>
  withoutName.includes(verb) ? { root } : { root, host: name };

/** What is asked of a host whatever its name. */
const withoutName: readonly HostVerb[] = ["control", "proofOfDeath", "answers", "giveJournal"];

/** What a host program's output is as an answer; `undefined`: none, so that somebody else said it. Pure. */
export function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

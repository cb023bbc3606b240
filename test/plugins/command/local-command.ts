import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { commandType, environmentOf, gather, previousOutput, type Runner } from "./command.js";

/** `command:local:Command`: a process of this computer. */
export const localCommand = (inputs: ObjectShape): ResourceType =>
  commandType(inputs, runHere, {
    check: (given) =>
      ["assetPaths", "archivePaths"]
        .filter((name) => name in given)
        .map((property) => ({ property, reason: "is not done by this stand-in" })),
  });

const runHere: Runner = async (command, inputs, before, work) => {
  const given = inputs["interpreter"];
  const [file = "/bin/sh", ...args] = Array.isArray(given) && given.length > 0 ? given.map(String) : ["/bin/sh", "-c"];
  const output = gather(inputs, work);
  const child = spawn(file, [...args, command], {
    ...(typeof inputs["dir"] === "string" ? { cwd: inputs["dir"] } : {}),
    env: { ...process.env, ...environmentOf(inputs), ...previousOutput(inputs, before) },
    signal: work.signal,
    killSignal: "SIGKILL",
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.add("stdout", text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.add("stderr", text));
  child.stdin.on("error", () => undefined); // a command need not read what it is given
  child.stdin.end(typeof inputs["stdin"] === "string" ? inputs["stdin"] : "");
  const [code, signal] = (await once(child, "close")) as [number | null, string | null]; // rejects when it cannot be started
  return output.result(command, howItEnded(code, signal));
};

/** What went wrong, in Go's words; nothing when it ended well. */
const howItEnded = (code: number | null, signal: string | null): string | undefined =>
  code === 0 ? undefined : code === null ? `signal: ${signal ?? "unknown"}` : `exit status ${code}`;

import { spawn } from "node:child_process";
import type { ResourceType } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { commandType, environmentOf, gather, previousOutput, wentWrong, type Runner } from "./command.js";

/** `command:local:Command`: a process of this computer. */
export const localCommand = (inputs: ObjectShape): ResourceType =>
  commandType(inputs, runHere, {
    check: (given) =>
      ["assetPaths", "archivePaths"]
        .filter((name) => name in given)
        .map((property) => ({ property, reason: "is not done by this stand-in" })),
  });

const runHere: Runner = (command, inputs, before, work) =>
  new Promise((resolve, reject) => {
    const given = inputs["interpreter"];
    const interpreter = Array.isArray(given) && given.length > 0 ? given.map(String) : ["/bin/sh", "-c"];
    const [file = "", ...args] = [...interpreter, command];
    const output = gather(inputs, work);
    const child = spawn(file, args, {
      ...(typeof inputs["dir"] === "string" ? { cwd: inputs["dir"] } : {}),
      env: { ...process.env, ...environmentOf(inputs), ...previousOutput(inputs, before) },
      signal: work.signal,
      killSignal: "SIGKILL",
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => output.add("stdout", text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => output.add("stderr", text));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      try {
        resolve(output.result(command, wentWrong(code, signal)));
      } catch (error) {
        reject(error as Error);
      }
    });
    child.stdin.on("error", () => undefined); // a command need not read what it is given
    child.stdin.end(typeof inputs["stdin"] === "string" ? inputs["stdin"] : "");
  });

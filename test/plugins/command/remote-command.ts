import type { Client } from "ssh2";
import type { ResourceType, Work } from "../engine/resource-type.js";
import type { ObjectShape } from "../engine/shape.js";
import { commandType, environmentOf, gather, previousOutput, type Output, type Runner } from "./command.js";
import { withConnection, withConnectionDefaults } from "./connection.js";

/** `command:remote:Command`: a process of another computer, over SSH. */
export const remoteCommand = (inputs: ObjectShape): ResourceType =>
  commandType(inputs, runThere, { withDefaults: withConnectionDefaults });

const runThere: Runner = (command, inputs, before, work) =>
  withConnection(inputs, work, async (client): Promise<Output> => {
    const wanted = environmentOf(inputs);
    const env = { ...wanted, ...previousOutput(inputs, before) };
    await refuseUnset(client, wanted, env, work);
    const output = gather(inputs, work);
    const input = typeof inputs["stdin"] === "string" ? inputs["stdin"] : "";
    return output.result(command, await execute(client, command, { env, input, onOutput: output.add }));
  });

/**
 * An sshd passes on the variables that its AcceptEnv names, and no others; the real provider learns of a refusal from sshd's reply. The library here does not ask for
 * one, so a process there is asked what it got.
 */
async function refuseUnset(
  client: Client,
  wanted: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
  work: Work,
): Promise<void> {
  if (Object.keys(env).length === 0) return;
  let got = "";
  const wrong = await execute(client, "env -0", {
    env,
    input: "",
    onOutput: (stream, text) => (got += stream === "stdout" ? text : ""),
  });
  if (wrong !== undefined) throw new Error(`the environment there cannot be seen: ${wrong}`);
  const names = got.split("\0").map((line) => line.split("=")[0]);
  for (const name of Object.keys(env).filter((one) => !names.includes(one))) {
    if (name in wanted) throw new Error(`could not set environment variable "${name}": ssh: setenv failed`);
    work.warn(`Unable to set '${name}'. This only works if your SSH server is configured to accept it via AcceptEnv.`);
  }
}

/** What a process there is run with. */
interface Execution {
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  readonly onOutput: (stream: "stdout" | "stderr", text: string) => void;
}

/** @returns what went wrong, in Go's words; nothing when it ended well */
const execute = (client: Client, command: string, { env, input, onOutput }: Execution): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    let how: string | undefined = "wait: remote command exited without exit status or exit signal";
    client.once("close", () => resolve(how)); // a lost connection closes no channel
    client.exec(command, { env: { ...env } }, (error, channel) => {
      if (error) return reject(error);
      // Here and not a moment later: all that a short process says, its end included, may be in the packet that told of its start.
      channel.on("exit", (code: number | null, signal?: string) => (how = wordsFor(code, signal)));
      channel.once("close", () => resolve(how));
      channel.setEncoding("utf8").on("data", (text: string) => onOutput("stdout", text));
      channel.stderr.setEncoding("utf8").on("data", (text: string) => onOutput("stderr", text));
      channel.end(input);
    });
  });

function wordsFor(code: number | null, signal?: string): string | undefined {
  if (code === 0) return undefined;
  if (code !== null) return `Process exited with status ${code}`;
  return `Process exited with status 128 from signal ${signal?.replace("SIG", "") ?? ""}`;
}

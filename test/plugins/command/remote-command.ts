import type { Client, ClientChannel } from "ssh2";
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
    const channel = await open(client, command, env);
    channel.setEncoding("utf8").on("data", (text: string) => output.add("stdout", text));
    channel.stderr.setEncoding("utf8").on("data", (text: string) => output.add("stderr", text));
    channel.end(typeof inputs["stdin"] === "string" ? inputs["stdin"] : "");
    return output.result(command, await howItEnded(client, channel));
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
  const channel = await open(client, "env -0", env);
  let got = "";
  channel.setEncoding("utf8").on("data", (text: string) => (got += text));
  channel.stderr.resume();
  channel.end();
  await howItEnded(client, channel);
  const names = got.split("\0").map((line) => line.split("=")[0]);
  for (const name of Object.keys(env).filter((one) => !names.includes(one))) {
    if (name in wanted) throw new Error(`could not set environment variable "${name}": ssh: setenv failed`);
    work.warn(`Unable to set '${name}'. This only works if your SSH server is configured to accept it via AcceptEnv.`);
  }
}

const open = (client: Client, command: string, env: Readonly<Record<string, string>>): Promise<ClientChannel> =>
  new Promise((resolve, reject) => {
    client.exec(command, { env }, (error, channel) => (error ? reject(error) : resolve(channel)));
  });

/** @returns what went wrong, in Go's words; nothing when it ended well */
const howItEnded = (client: Client, channel: ClientChannel): Promise<string | undefined> =>
  new Promise((resolve) => {
    let how: string | undefined = "wait: remote command exited without exit status or exit signal";
    channel.on("exit", (code: number | null, signal?: string) => {
      how =
        code === 0
          ? undefined
          : code === null
            ? `Process exited with status 128 from signal ${signal?.replace("SIG", "") ?? ""}`
            : `Process exited with status ${code}`;
    });
    channel.once("close", () => resolve(how));
    client.once("close", () => resolve(how)); // a lost connection closes no channel
  });

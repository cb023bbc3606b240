import { createRequire } from "node:module";
import type * as SsmModule from "@aws-sdk/client-ssm";
import { systemClock } from "../../../system/clock.js";
import { refusalOf } from "./refusal.js";
import type { RemoteResult, RemoteShell } from "../shell/remote-shell.js";
import { CommandUnclear, InstanceGone, InstanceSilent } from "./errors.js";
import { goneForGood } from "./instance.js";
import type { LearntSsmWay, SsmWay } from "./reference.js";
import {
  addScript,
  beginScript,
  dropScript,
  inputPieces,
  pieceLength,
  pieceScript,
  readFolder,
  readPrinted,
  readResult,
  runScript,
} from "./script.js";

/** How long an instance that takes no command is waited for (ms), where nobody says otherwise. */
const usualWaitMs = 30_000;
/** How long a command may run (s): a reconcile lets jobs finish. */
const runSeconds = 3_600;
/** How long a command may wait to be taken (s); the least that there is. */
const deliverSeconds = 30;
/** Pauses between two looks at a command (ms). */
const [firstPauseMs, longestPauseMs] = [200, 2_000];

/** Runs programs on an instance through Systems Manager, as root. What it is told and says lies in AWS's command history: nothing secret goes that way unsealed. */
export function shellOn(way: SsmWay & LearntSsmWay): RemoteShell & { close(): void } {
  const { region } = way;
  const asking = async <T>(action: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw refusalOf(error, action, region) ?? error;
    }
  };
  const { client, SendCommandCommand, GetCommandInvocationCommand, ListCommandInvocationsCommand } = ssmIn(region);

  /** @returns why not, when it takes none now */
  async function send(script: readonly string[]): Promise<{ id: string; instance: string } | string> {
    const { instance } = way;
    const target =
      typeof instance === "string"
        ? { InstanceIds: [instance] }
        : { Targets: [{ Key: `tag:${instance.tag}`, Values: [instance.value] }] };
    try {
      const { Command } = await asking("ssm:SendCommand", () =>
        client.send(
          new SendCommandCommand({
            ...target,
            DocumentName: "AWS-RunShellScript",
            TimeoutSeconds: deliverSeconds,
            Parameters: { commands: [...script], executionTimeout: [String(runSeconds)] },
          }),
        ),
      );
      const id = Command?.CommandId;
      if (id === undefined) return "it was not taken";
      return typeof instance === "string" ? { id, instance } : await oneOf(id);
    } catch (error) {
      if (error instanceof Error && error.name === "InvalidInstanceId") return "it is not known there, or not running";
      throw error;
    }
  }

  /** Which instance a tag has led to. */
  async function oneOf(id: string): Promise<{ id: string; instance: string } | string> {
    for (let looks = 0; looks < 20; looks++) {
      const { CommandInvocations = [] } = await asking("ssm:ListCommandInvocations", () =>
        client.send(new ListCommandInvocationsCommand({ CommandId: id })),
      );
      const instances = CommandInvocations.flatMap(({ InstanceId }) => (InstanceId === undefined ? [] : [InstanceId]));
      if (instances.length > 1) throw new CommandUnclear(way, `${instances.join(" and ")} have that tag`);
      if (instances[0] !== undefined) return { id, instance: instances[0] };
      await systemClock.sleep(firstPauseMs);
    }
    return "no running instance has that tag";
  }

  /** Waits for a command's end. @returns what it printed; a string when it was never taken */
  async function outputOf({ id, instance }: { id: string; instance: string }): Promise<{ printed: string } | string> {
    for (let pause = firstPauseMs; ; pause = Math.min(pause * 1.5, longestPauseMs)) {
      await systemClock.sleep(pause);
      let seen;
      try {
        seen = await asking("ssm:GetCommandInvocation", () =>
          client.send(new GetCommandInvocationCommand({ CommandId: id, InstanceId: instance })),
        );
      } catch (error) {
        if (error instanceof Error && error.name === "InvocationDoesNotExist") continue;
        throw error;
      }
      switch (seen.Status) {
        case "Pending":
        case "InProgress":
        case "Delayed":
        case "Cancelling":
          continue;
        case "Success":
          return { printed: seen.StandardOutputContent ?? "" };
        default:
          if (/Undeliverable|DeliveryTimedOut|Terminated/.test(seen.StatusDetails ?? ""))
            return `a command was not taken (${seen.StatusDetails ?? ""})`;
          throw new CommandUnclear(way, `${seen.StatusDetails ?? seen.Status ?? "no status"}: ${lastLine(seen)}`);
      }
    }
  }

  /** One command to its end, on an instance that may still be booting. */
  async function command(script: readonly string[], waitMs: number, signal?: AbortSignal): Promise<string> {
    for (const end = systemClock.now() + waitMs; ; await systemClock.sleep(longestPauseMs, signal)) {
      signal?.throwIfAborted();
      const sent = await send(script);
      const answer = typeof sent === "string" ? sent : await outputOf(sent);
      if (typeof answer !== "string") return answer.printed;
      if (systemClock.now() < end) continue;
      const gone = await goneForGood(way);
      throw gone === undefined ? new InstanceSilent(way, answer) : new InstanceGone(way, gone);
    }
  }

  return {
    /** Ends the connections to AWS now, rather than when they have been idle for a while. */
    close: () => {
      client.destroy();
      clients.delete(region);
    },
    run: async ({ words, input = "", signal, waitMs = usualWaitMs }): Promise<RemoteResult> => {
      const say = (script: readonly string[]): Promise<string> => command(script, waitMs, signal);
      const [piece = "", ...further] = inputPieces(input);
      const put = async (): Promise<{ piece: string } | { folder: string }> => {
        if (further.length === 0) return { piece };
        const folder = readFolder(await say(beginScript(piece)));
        if (folder === undefined) throw new CommandUnclear(way, "its input could not be put there");
        for (const next of further) await say(addScript(folder, next));
        return { folder };
      };
      const printed = readPrinted(await say(runScript(words, await put())));
      if (printed === undefined) throw new CommandUnclear(way, "it could not be started there");
      let all = printed.kind === "whole" ? printed.all : "";
      if (printed.kind === "long") {
        for (let from = 0; from < printed.length; from += pieceLength)
          all += await say(pieceScript(printed.folder, from));
        await say(dropScript(printed.folder));
      }
      const result = readResult(all);
      if (result === undefined) throw new CommandUnclear(way, "its output is not whole");
      return result;
    },
  };
}

const lastLine = ({ StandardErrorContent = "" }: { StandardErrorContent?: string | undefined }): string =>
  StandardErrorContent.trim().split("\n").at(-1) ?? "";

const clients = new Map<string, SsmModule.SSMClient>();

/** The client of a region, with what it is asked by: loaded by whoever has such a host, and by nobody else. */
function ssmIn(region: string): typeof SsmModule & { readonly client: SsmModule.SSMClient } {
  const module = createRequire(__filename)("@aws-sdk/client-ssm") as typeof SsmModule;
  const client = clients.get(region) ?? new module.SSMClient({ region, retryMode: "adaptive", maxAttempts: 6 });
  clients.set(region, client);
  return { ...module, client };
}

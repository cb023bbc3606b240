import type { Machine } from "../machines/machine.js";

/** What systems keep for themselves at every boot and login, whoever is on them. */
const itsOwn = /^\/(var\/(log|cache|tmp)|run|tmp|proc|sys|dev)(\/|$)/;

/** Whatever is on a machine that outlives a program: each file, each user, each group, each unit; and each process of ours. One line each. */
export async function everythingOn(machine: Machine): Promise<string[]> {
  const files = await machine.must(["find", "/", "-xdev"]);
  const accounts = await machine.must([
    "sh",
    "-c",
    "cut -d: -f1 /etc/passwd | sed 's/^/user /'; cut -d: -f1 /etc/group | sed 's/^/group /'",
  ]);
  const units = await machine.must([
    "sh",
    "-c",
    "systemctl list-units --all --plain --no-legend 'lightchain*' | cut -d' ' -f1",
  ]);
  const processes = await machine.run(["pgrep", "-a", "-f", "lightchain|ollama"]);
  const lines = [files, accounts, units, processes.stdout].flatMap((text) => text.split("\n"));
  return lines.filter((line) => line !== "" && !itsOwn.test(line));
}

import { gunzipSync, gzipSync } from "node:zlib";
import { commandLine } from "../shell/command-line.js";

/*
 * What Systems Manager is given to run, and what it brings back. A command takes no standard input and gives back the first 24,000 characters of its output, so that both
 * go compressed, and what is longer stays there to be fetched piece by piece. Source: Systems Manager API, SendCommand and GetCommandInvocation.
 */

/** Characters of output that are given back of one command, with room for what stands around them. */
export const pieceLength = 23_000;
/** Longest input that is put into one command (characters, compressed and in base64). A command may not be longer than 64 KiB. */
export const inputPieceLength = 48_000;

/** Where outputs wait that are too long for one answer, and inputs that are too long for one command. */
const waiting = "/run/lightchain-fleet-ssm";

const dropFolder = (folder: string): string => `rm -rf ${folder}; rmdir ${waiting} 2>/dev/null || :`;

/** An input as it goes there, in pieces that fit into a command; at least one. Pure. */
export function inputPieces(input: string): readonly string[] {
  const packed = gzipSync(input, { level: 9 }).toString("base64");
  const count = Math.ceil(packed.length / inputPieceLength);
  return Array.from({ length: count }, (_, at) => packed.slice(at * inputPieceLength, (at + 1) * inputPieceLength));
}

const makeFolder = [
  "umask 077",
  // Another command may have found it empty, and removed it, in between.
  `n=0; until d=$(mkdir -p ${waiting} && mktemp -d ${waiting}/XXXXXX); do n=$((n + 1)); [ "$n" -lt 20 ] || exit 97; done`,
  `find ${waiting} -mindepth 1 -maxdepth 1 -mmin +60 -exec rm -rf {} + 2>/dev/null`,
];

/** Makes a folder with the first piece of an input, and prints it. Pure. */
export const beginScript = (piece: string): readonly string[] => [
  ...makeFolder,
  `printf %s ${piece} >"$d/in" || exit 97`,
  'echo "$d"',
];
/** Adds a further piece. Pure. */
export const addScript = (folder: string, piece: string): readonly string[] => [
  `printf %s ${piece} >>${commandLine([`${folder}/in`])}`,
];
/** Reads the folder that {@link beginScript} printed. Pure. */
export const readFolder = (output: string): string | undefined =>
  /^(\/run\/lightchain-fleet-ssm\/[A-Za-z0-9]+)\s*$/.exec(output)?.[1];

/** Runs words with an input, and prints what came of it. Pure. @param input its one piece, or the folder that all of them are in */
export const runScript = (
  words: readonly string[],
  input: { readonly piece: string } | { readonly folder: string },
): readonly string[] => [
  ...("piece" in input
    ? [...makeFolder, `printf %s ${input.piece} >"$d/in" || exit 97`]
    : [`d=${commandLine([input.folder])}`]),
  'cd "${HOME:-/root}" || exit 97',
  `base64 -d <"$d/in" | gzip -dc | ${commandLine(words)} >"$d/out" 2>"$d/err"`,
  "c=$?",
  '{ echo "$c"; gzip -c "$d/out" | base64 -w 0; echo; tail -c 4000 "$d/err" | gzip -c | base64 -w 0; echo; } >"$d/all"',
  'n=$(wc -c <"$d/all")',
  `if [ "$n" -le ${pieceLength} ]; then echo "whole"; cat "$d/all"; ${dropFolder('"$d"')}; else echo "long $n $d"; fi`,
];

/** Prints a piece of an output that waits, from its `from`th character on. Pure. */
export const pieceScript = (folder: string, from: number): readonly string[] => [
  `tail -c +${from + 1} ${commandLine([`${folder}/all`])} | head -c ${pieceLength}`,
];
/** Lets go of an output that was fetched. Pure. */
export const dropScript = (folder: string): readonly string[] => [dropFolder(commandLine([folder]))];

/** What a command printed: all that came of it, or where it waits and how long it is. */
export type Printed =
  | { readonly kind: "whole"; readonly all: string }
  | { readonly kind: "long"; readonly length: number; readonly folder: string };

/** Reads it. Pure. @returns `undefined` for anything else */
export function readPrinted(output: string): Printed | undefined {
  if (output.startsWith("whole\n")) return { kind: "whole", all: output.slice("whole\n".length) };
  const [, length, folder] = /^long (\d+) (\/run\/lightchain-fleet-ssm\/[A-Za-z0-9]+)\s*$/.exec(output) ?? [];
  return length === undefined || folder === undefined ? undefined : { kind: "long", length: Number(length), folder };
}

/** Reads all that came of it. Pure. @returns `undefined` when it is not that */
export function readResult(all: string): { code: number; stdout: string; stderr: string } | undefined {
  const [code = "", out, err] = all.split("\n");
  if (!/^\d+$/.test(code) || out === undefined || err === undefined) return undefined;
  try {
    const unpacked = (text: string): string => gunzipSync(Buffer.from(text, "base64")).toString("utf8");
    return { code: Number(code), stdout: unpacked(out), stderr: unpacked(err) };
  } catch {
    return undefined;
  }
}

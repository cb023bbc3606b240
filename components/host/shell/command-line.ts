/*
 * What is said to a machine's shell. An SSH server takes one line and gives it to the user's login shell, and so does Systems Manager: everything that goes there is
 * quoted here, and nowhere else.
 */

/** A command line that any usual login shell takes apart into exactly these words. Pure. @throws Error for a word that no command line can hold */
export function commandLine(words: readonly string[]): string {
  return words.map(quoted).join(" ");
}

function quoted(word: string): string {
  if (/[\0\n\r]/.test(word)) throw new Error("a line break or NUL cannot be said to a shell in one word");
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The words that run a script with these arguments as `$1`, `$2`, … Its lines become one: each is a statement of its own. Pure. */
export const script = (lines: readonly string[], ...args: readonly string[]): readonly string[] => [
  "/bin/sh",
  "-c",
  lines.join("; "),
  "lightchain-fleet",
  ...args,
];

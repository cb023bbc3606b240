import { createInterface } from "node:readline/promises";
import { NotConfirmed } from "./errors.js";

/** Asks for a word of the operator's before something is changed. @throws NotConfirmed LF1605 */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new NotConfirmed("nobody to ask");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new NotConfirmed("declined");
  } finally {
    terminal.close();
  }
}

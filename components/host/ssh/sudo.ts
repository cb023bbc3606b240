/** Words that run others as root, and tell on standard error that they do: from that mark on, standard input is theirs. */
export interface Elevated {
  readonly words: readonly string[];
  /** Written there, on a line of its own, when `sudo` has let us in. */
  readonly begun: string;
  /** Written there when `sudo` asks for a password. */
  readonly prompt: string;
}

/**
 * The words as root. Whether `sudo` asks for a password depends on that machine: so it is given one only when it asks, never in an argument, and what is meant for the
 * program never before the program runs. Pure.
 * @param mark a random word, so that no output can be taken for ours
 * @param asks whether it may ask
 */
export function elevated(words: readonly string[], mark: string, asks: boolean): Elevated {
  const begun = `begun-${mark}`;
  const prompt = `password-${mark}`;
  const how = asks ? ["-S", "-p", prompt] : ["-n"];
  const announced = ["/bin/sh", "-c", `echo "$0" >&2; exec "$@"`, begun, ...words];
  return { words: ["env", "LC_ALL=C", "sudo", ...how, "--", ...announced], begun, prompt };
}

/** How far the talk with `sudo` is, by everything that it has written to standard error so far. */
export type SudoTalk =
  /** Nothing to do yet. */
  | { readonly is: "waiting" }
  /** It asks for the password, for the first time. */
  | { readonly is: "asking" }
  /** It does not let us in. */
  | { readonly is: "refused"; readonly why: string }
  /** The program runs; `rest` is what it has written itself. */
  | { readonly is: "begun"; readonly rest: string };

/** Reads the talk. Pure. @param ended whether nothing more will come */
export function talkWithSudo(stderr: string, { begun, prompt }: Elevated, ended: boolean): SudoTalk {
  const at = stderr.indexOf(`${begun}\n`);
  if (at >= 0) return { is: "begun", rest: stderr.slice(at + begun.length + 1) };
  const asked = stderr.split(prompt).length - 1;
  if (asked > 1) return { is: "refused", why: "the password is wrong" };
  if (ended) return { is: "refused", why: whyRefused(stderr.replaceAll(prompt, "")) };
  return asked === 1 ? { is: "asking" } : { is: "waiting" };
}

function whyRefused(said: string): string {
  const last = said.trim().split("\n").at(-1)?.trim() ?? "";
  if (/not found/.test(last)) return "there is no sudo";
  if (/password is required/.test(last)) return "it asks for a password";
  if (/incorrect password|try again/i.test(said)) return "the password is wrong";
  return last === "" ? "it ended without a word" : last.replace(/^sudo: /, "").replace(/\.$/, "");
}

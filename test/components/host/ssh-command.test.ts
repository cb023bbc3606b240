import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commandLine, script } from "../../../components/host/shell/command-line.js";
import { elevated, talkWithSudo } from "../../../components/host/ssh/sudo.js";

/** Takes a line apart as POSIX says (2.2, Quoting), for what our lines may hold. */
function words(line: string): string[] {
  const found: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const sign = line[at]!;
    if (sign === " ") {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else if (sign === "'") {
      const end = line.indexOf("'", at + 1);
      word = (word ?? "") + line.slice(at + 1, end);
      at = end;
    } else if (sign === "\\") word = (word ?? "") + line[++at]!;
    else {
      if (!/[A-Za-z0-9_@%+=:,./-]/.test(sign)) throw new Error(`${sign} means something to a shell`);
      word = (word ?? "") + sign;
    }
  }
  return word === undefined ? found : [...found, word];
}

describe("a command line", () => {
  test.each([
    [["ls", "-l", "/a/b"], "ls -l /a/b"],
    [["a b"], "'a b'"],
    [["it's"], "'it'\\''s'"],
    [[""], "''"],
    [["$HOME", "`id`", "~"], "'$HOME' '`id`' '~'"],
  ])("of %j", (given, line) => expect(commandLine(given)).toBe(line));

  test("is taken apart by a shell into the very words it was made of", () =>
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }).map((text) => text.replace(/[\0\n\r]/g, ""))), (given) => {
        expect(words(commandLine(given))).toEqual(given);
      }),
    ));

  test.each(["a\nb", "a\rb", "a\0b"])("refuses what it cannot hold: %j", (word) =>
    expect(() => commandLine([word])).toThrow(/line break or NUL/),
  );

  test("runs a script whose arguments are no part of it", () =>
    expect(script(["a", "b"], "$1; rm -rf /")).toEqual(["/bin/sh", "-c", "a; b", "lightchain-fleet", "$1; rm -rf /"]));
});

describe("the talk with sudo", () => {
  const asking = elevated(["true"], "m", true);
  const silent = elevated(["true"], "m", false);

  test("never has a password in its words, and asks for one only where it may", () => {
    expect(asking.words).toContain("-S");
    expect(silent.words).toContain("-n");
    expect(silent.words).not.toContain("-S");
  });

  test.each<[situation: string, stderr: string, ended: boolean, expected: ReturnType<typeof talkWithSudo>]>([
    ["nothing was said yet", "", false, { is: "waiting" }],
    ["a lecture comes first", "We trust you have received the usual lecture\n", false, { is: "waiting" }],
    ["it asks", "password-m", false, { is: "asking" }],
    [
      "it asks again",
      "password-mSorry, try again.\npassword-m",
      false,
      { is: "refused", why: "the password is wrong" },
    ],
    ["it lets us in", "password-mbegun-m\nwarning\n", false, { is: "begun", rest: "warning\n" }],
    ["it lets us in without asking", "begun-m\n", false, { is: "begun", rest: "" }],
    ["the word of it is not whole yet", "begun-m", false, { is: "waiting" }],
    ["a program says what looks like it", "begun-x\n", false, { is: "waiting" }],
    ["it wants a password", "sudo: a password is required\n", true, { is: "refused", why: "it asks for a password" }],
    ["there is none", "env: ‘sudo’: not found\n", true, { is: "refused", why: "there is no sudo" }],
    [
      "the last try failed",
      "password-msudo: 1 incorrect password attempt\n",
      true,
      { is: "refused", why: "the password is wrong" },
    ],
    [
      "it is not allowed",
      "password-mguest is not in the sudoers file.\n",
      true,
      { is: "refused", why: "guest is not in the sudoers file" },
    ],
    ["it ends", "", true, { is: "refused", why: "it ended without a word" }],
  ])("when %s", (_, stderr, ended, expected) => expect(talkWithSudo(stderr, asking, ended)).toEqual(expected));
});

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../keystore/open-store.js";
import { passphraseFrom } from "../../keystore/passphrase.js";
import { systemClock } from "../../system/clock.js";
import { temporaryFolder } from "./fixtures.js";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function passphraseFile(content: string, mode = 0o600): Promise<string> {
  const path = join(await temporaryFolder(), "passphrase");
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

test.each([
  ["as it is", "se cret", "se cret"],
  ["without the newline at its end", "se cret\n", "se cret"],
  ["without a carriage return either", "se cret\r\n", "se cret"],
  ["with a second newline, which is part of it", "se cret\n\n", "se cret\n"],
])("the passphrase is the file's content %s", async (_, content, expected) => {
  const path = await passphraseFile(content);
  expect(text(await passphraseFrom({ LIGHTCHAIN_PASSPHRASE_FILE: path })())).toBe(expected);
});

test("the file comes before the variable", async () => {
  const path = await passphraseFile("from the file");
  const source = passphraseFrom({ LIGHTCHAIN_PASSPHRASE_FILE: path, LIGHTCHAIN_PASSPHRASE: "from the variable" });
  expect(text(await source())).toBe("from the file");
  expect(text(await passphraseFrom({ LIGHTCHAIN_PASSPHRASE: "from the variable" })())).toBe("from the variable");
});

test.each([0o640, 0o604, 0o660, 0o610])("a file of mode %o is refused: others may read it", async (mode) => {
  const path = await passphraseFile("secret", mode);
  await expect(passphraseFrom({ LIGHTCHAIN_PASSPHRASE_FILE: path })()).rejects.toMatchObject({
    code: "LF1111",
    fix: `chmod 600 ${path}`,
  });
});

test.each([
  ["no variable", {}],
  ["empty variables", { LIGHTCHAIN_PASSPHRASE_FILE: "", LIGHTCHAIN_PASSPHRASE: "" }],
  ["a file that does not exist", { LIGHTCHAIN_PASSPHRASE_FILE: "/nonexistent/passphrase" }],
])("%s is no passphrase, and the error says how to give one", async (_, env) => {
  await expect(passphraseFrom(env)()).rejects.toMatchObject({
    code: "LF1109",
    fix: expect.stringContaining("LIGHTCHAIN_PASSPHRASE_FILE") as string,
  });
});

test("an empty file is no passphrase", async () => {
  const path = await passphraseFile("\n");
  await expect(passphraseFrom({ LIGHTCHAIN_PASSPHRASE_FILE: path })()).rejects.toMatchObject({ code: "LF1109" });
});

test("a store is opened by its url, and any other url is refused with an example", async () => {
  const access = { passphrase: passphraseFrom({}), clock: systemClock };
  expect(openStore("file:/tmp/keys", access).url).toBe("file:/tmp/keys");
  for (const url of ["file:keys", "file://host/keys", "aws-sm:eu-west-1", "/tmp/keys", "", "file:"])
    expect(() => openStore(url, access)).toThrow(expect.objectContaining({ code: "LF1110" }) as Error);
});

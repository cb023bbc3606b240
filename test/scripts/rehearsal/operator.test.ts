import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { foldersIn, type Folders } from "../../../scripts/rehearsal/folders.js";
import { prepareOperator, type Operator } from "../../../scripts/rehearsal/operator.js";
import { networks } from "../../../abi/networks.js";

let base: string;
let folders: Folders;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "lf-operator-"));
  // As in a checkout, whose stack's config is not in the rehearsal's folder.
  folders = { ...foldersIn(join(base, "fleet")), stackConfig: join(base, "Pulumi.devnet.yaml") };
});
afterEach(() => rm(base, { recursive: true, force: true }));

const prepare = (): Promise<Operator> =>
  prepareOperator(folders, {
    network: networks.testnet,
    networkFile: join(base, "network.json"),
    treasuryKey: `0x${"11".repeat(32)}`,
    ollama: "/usr/bin/ollama",
    models: [],
    config: {},
  });
const config = (): Promise<string> => readFile(folders.stackConfig, "utf8");

test("a rehearsal is taken up as it was: the address that is paid back to, the port, the engine's salt", async () => {
  const { refundTo } = await prepare();
  const before = await config();
  await appendFile(folders.stackConfig, "encryptionsalt: v1:abc=\n"); // the engine's own
  expect((await prepare()).refundTo).toBe(refundTo);
  expect(await config()).toBe(`encryptionsalt: v1:abc=\n${before}`);
});

test("one whose folder was deleted begins anew, without the salt of a passphrase that is gone", async () => {
  await prepare();
  await appendFile(folders.stackConfig, "encryptionsalt: v1:abc=\n");
  await rm(folders.root, { recursive: true });
  await prepare();
  expect(await config()).not.toContain("encryptionsalt");
});

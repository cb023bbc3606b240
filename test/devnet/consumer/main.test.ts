import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileUnusable } from "../../../devnet/consumer/errors.js";
import { consumerCommand } from "../../../devnet/consumer/main.js";
import { networks } from "../../../abi/networks.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "lightchain-consumer-"));
});
afterEach(() => rm(dir, { recursive: true }));

const nothing = () => undefined;
const ask = (files: Record<string, string>, ...more: string[]) => {
  const options = ["network", "accounts"].flatMap((name) => [`--${name}`, files[name] ?? join(dir, "missing.json")]);
  return consumerCommand(nothing, nothing).parseAsync([
    "node",
    "x",
    "ask",
    "Hello?",
    "--model",
    "m",
    ...options,
    ...more,
  ]);
};
const file = async (name: string, content: unknown) => {
  await writeFile(join(dir, name), JSON.stringify(content));
  return join(dir, name);
};
const account = () => {
  const privateKey = generatePrivateKey();
  return { address: privateKeyToAddress(privateKey), privateKey };
};

test("the command names a file that is not there, and what to do", async () => {
  await expect(ask({})).rejects.toThrow(FileUnusable);
  await expect(ask({})).rejects.toThrow(/LF1036.*missing\.json.*npm run devnet/s);
});

test("the command names a consumer that there is none of", async () => {
  const network = await file("network.json", networks.testnet);
  const accounts = await file("accounts.json", { owner: account(), treasury: account(), consumers: [account()] });
  await expect(ask({ network, accounts }, "--consumer", "2")).rejects.toThrow(/no consumer 2.*--consumer 1 to 1/s);
});

test("a ruling wants a verdict it knows", async () => {
  const command = consumerCommand(nothing, nothing);
  command.commands
    .find((one) => one.name() === "rule")!
    .exitOverride()
    .configureOutput({ writeErr: nothing });
  const files = ["--network", join(dir, "n.json"), "--accounts", join(dir, "a.json")];
  const rule = (verdict: string) => command.parseAsync(["node", "x", "rule", "7", "--verdict", verdict, ...files]);
  await expect(rule("perhaps")).rejects.toThrow(/guilty or not-guilty/);
  await expect(rule("not-guilty")).rejects.toThrow(FileUnusable);
});

test("the command keeps keys out of its complaints", async () => {
  const network = await file("network.json", networks.testnet);
  const [good, bad] = [account(), account()];
  const damaged = { address: good.address, privateKey: bad.privateKey };
  const accounts = await file("accounts.json", { owner: good, treasury: good, consumers: [damaged] });
  const failure = await ask({ network, accounts }).catch((error: unknown) => error as Error);
  expect((failure as Error).message).toContain("LF1036");
  expect((failure as Error).message).not.toContain(bad.privateKey.slice(2, 20));
});

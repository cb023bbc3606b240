import { once } from "node:events";
import { Client } from "ssh2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startImpostor, type Impostor } from "./impostor.js";
import { makeKeyPair } from "./key-pair.js";

let impostor: Impostor;
beforeEach(async () => {
  impostor = await startImpostor();
});
afterEach(() => impostor.stop());

/** Logs in, runs a command and writes to it, when the key is trusted. */
async function tell(trusts: (key: Buffer) => boolean): Promise<string> {
  const client = new Client();
  const { private: privateKey } = makeKeyPair();
  const failed = new Promise<string>((resolve) => client.on("error", (error) => resolve(error.message)));
  const told = once(client, "ready").then(
    () =>
      new Promise<string>((resolve, reject) => {
        client.exec("take it", (error, channel) => {
          if (error) return reject(error);
          channel.on("close", () => resolve("told")).resume();
          channel.end("open sesame");
        });
      }),
  );
  const { address: host, port } = impostor;
  client.connect({ host, port, username: "me", password: "my word", privateKey, hostVerifier: trusts });
  told.catch(() => undefined);
  const how = await Promise.race([failed, told]);
  client.end();
  return how;
}

test("an impostor gets everything from whoever trusts any key", async () => {
  expect(await tell(() => true)).toBe("told");
  expect(impostor.caught()).toMatchObject({
    users: ["me"],
    passwords: ["my word"],
    commands: ["take it"],
    data: "open sesame",
  });
});

test("an impostor gets nothing from whoever trusts one other key, not even a name", async () => {
  const [, expected = ""] = makeKeyPair().public.split(" ");
  expect(await tell((key) => key.equals(Buffer.from(expected, "base64")))).toContain("Host denied");
  expect(impostor.caught()).toEqual({ connections: 1, users: [], passwords: [], commands: [], data: "" });
});

test("an impostor is known by the key that it says", async () => {
  const [, own = ""] = impostor.hostKey.split(" ");
  expect(await tell((key) => key.equals(Buffer.from(own, "base64")))).toBe("told");
});

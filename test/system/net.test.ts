import { createServer } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { freePort, isPortTaken } from "../../system/net.js";

test("a free port is one that nobody listens on, outside what the system gives to outgoing connections", async () => {
  const port = await freePort();
  expect(port).toBeGreaterThanOrEqual(15_000);
  expect(port).toBeLessThan(32_768);
  expect(await isPortTaken(port)).toBe(false);
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  expect(await isPortTaken(port)).toBe(true);
  server.close();
});

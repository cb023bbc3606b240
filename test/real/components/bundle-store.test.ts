import { createServer, type Server } from "node:http";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deliverBundle } from "../../../components/host/ssm/fetch.js";

let folder: string;
let server: Server;
let puts: number;
/** How many uploads are refused first. */
let refused: number;
const hash = `0x${"ab".repeat(32)}` as const;
const before = { ...process.env };
beforeEach(async () => {
  [puts, refused] = [0, 0];
  folder = await mkdtemp(join(tmpdir(), "fl-"));
  await mkdir(join(folder, "bundle"));
  const manifest = { version: 1, hash, fleet: "0", node: "v24.0.0", files: {} };
  await writeFile(join(folder, "bundle", "manifest.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "bundle", "sidecar.js"), "x".repeat(100_000));
  server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (request.method === "HEAD") return response.writeHead(404).end();
      puts += 1;
      if (puts <= refused) return response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
      return response.writeHead(200, { etag: '"1"' }).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  process.env["AWS_ENDPOINT_URL"] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE";
  process.env["AWS_SECRET_ACCESS_KEY"] = "none";
});
afterEach(async () => {
  process.env = { ...before };
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

test("a bundle that S3 was too busy to take is offered again", async () => {
  refused = 2;
  const links: string[] = [];
  await deliverBundle(
    {
      run: ({ input = "" }) => {
        links.push(input);
        return Promise.resolve({ code: 0, stdout: "", stderr: "" });
      },
    },
    { region: "eu-central-1", instance: "i-0123456789abcdef0", bucket: "bundles" },
    { root: "/root", source: join(folder, "bundle"), hash, archive: "/tmp/a.tar.gz" },
  );
  expect(puts).toBe(3);
  expect(links.join("")).toContain("X-Amz-Signature");
});

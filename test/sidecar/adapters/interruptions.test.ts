import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createInterruptions } from "../../../sidecar/adapters/interruptions.js";
import { createLogger } from "../../../system/log.js";

let server: Server;
let notice: string | null;
let token: string;
let asked: string[];
/** What happens while a question for a notice is being answered. */
let onQuestion: () => void;
beforeEach(async () => {
  [notice, token, asked, onQuestion] = [null, "one", [], () => undefined];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (request.url === "/latest/api/token") return void response.end(request.method === "PUT" ? token : "");
    if (request.headers["x-aws-ec2-metadata-token"] !== token) return void response.writeHead(401).end();
    onQuestion();
    if (notice === null) return void response.writeHead(404).end();
    response.end(notice);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});
const open = (endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`) =>
  createInterruptions({ endpoint, log: createLogger("test", { level: "silent" }), everyMs: 5 });
const stop = '{"action": "stop", "time": "2026-07-20T08:22:00Z"}';

test("without a notice there is none, and one token is enough", async () => {
  const interruptions = open();
  expect([await interruptions.look(), await interruptions.look()]).toEqual([null, null]);
  expect(asked.filter((line) => line.startsWith("PUT"))).toHaveLength(1);
});

test("a notice says what will be, and when", async () => {
  const first = open().next(new AbortController().signal);
  notice = stop;
  expect(await first).toEqual({ what: "stop", atMs: Date.UTC(2026, 6, 20, 8, 22) });
});

test("a token that is good no more is renewed", async () => {
  const interruptions = open();
  await interruptions.look();
  [token, notice] = ["another", stop];
  expect(await interruptions.look()).toBeNull();
  expect(await interruptions.look()).toMatchObject({ what: "stop" });
});

test("a machine of which nobody answers goes on", async () => {
  expect(await open("http://127.0.0.1:9").look()).toBeNull();
});

test("who is asked to stop while a question is on its way is told no more", async () => {
  const stopping = new AbortController();
  let told = false;
  onQuestion = () => {
    stopping.abort();
    notice = stop;
  };
  const interruptions = open();
  void interruptions.next(stopping.signal).then(() => (told = true));
  // Another look takes as many turns of the loop as what is left of the first.
  while (asked.length < 2) await interruptions.look();
  expect([await interruptions.look(), told]).toEqual([{ what: "stop", atMs: Date.UTC(2026, 6, 20, 8, 22) }, false]);
});

test("who is asked to stop between two questions is told no more", async () => {
  const stopping = new AbortController();
  let told = false;
  const interruptions = open();
  void interruptions.next(stopping.signal).then(() => (told = true));
  await interruptions.look();
  stopping.abort();
  notice = stop;
  await interruptions.look();
  expect([await interruptions.look(), told]).toMatchObject([{ what: "stop" }, false]);
});

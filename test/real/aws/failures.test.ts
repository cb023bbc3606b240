import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { encodeVersioned } from "../../../keystore/versioned-record.js";
import { newWorker } from "../../keystore/fixtures.js";
import { freshStore, useEnvironment } from "./ground.js";
import { environmentFor } from "./moto.js";

/* What the real SDK makes of refusals, from a server that gives them as AWS does. Each test has a region of its own, and so a client of its own. */

let server: Server;
let asked: { target: string; body: string }[];
type Answer = { status: number; type: string; message: string } | { status: number; body: object };
let answer: (count: number) => Answer;
beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push({ target: String(request.headers["x-amz-target"]), body });
      const said = answer(asked.length);
      response.writeHead(said.status, {
        "content-type": "application/x-amz-json-1.1",
        "x-amzn-requestid": "0a1b-2c3d",
      });
      response.end(JSON.stringify("body" in said ? said.body : { __type: said.type, message: said.message }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  useEnvironment(environmentFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

test("a policy that does not allow it is told with the action and what it is on, and not asked again", async () => {
  const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:test/x-AbCdEf";
  answer = () => ({
    status: 400,
    type: "AccessDeniedException",
    message: `User: arn:aws:iam::111122223333:user/me is not authorized to perform: secretsmanager:DescribeSecret on resource: ${arn} because no identity-based policy allows it`,
  });
  const { store } = await freshStore({ region: "eu-west-1" });
  await expect(store.has("worker/8200/home")).rejects.toMatchObject({
    code: "LF1118",
    action: "secretsmanager:DescribeSecret",
    resource: arn,
  });
  expect(asked).toHaveLength(1);
});

test("throttling is waited out, and told when it goes on", async () => {
  answer = (count) =>
    count < 3
      ? { status: 400, type: "ThrottlingException", message: "Rate exceeded" }
      : { status: 400, type: "ResourceNotFoundException", message: "no such secret" };
  const { store } = await freshStore({ region: "eu-west-2" });
  expect(await store.has("worker/8200/home")).toBe(false);
  expect(asked).toHaveLength(3);
  answer = () => ({ status: 400, type: "ThrottlingException", message: "Rate exceeded" });
  await expect(store.has("worker/8200/home")).rejects.toMatchObject({ code: "LF1120" });
  expect(asked).toHaveLength(9);
});

test("a secret with too many versions of one day is told as such, and stays as it is", async () => {
  const worker = newWorker();
  const current = {
    ARN: "arn:aws:secretsmanager:ap-south-1:123456789012:secret:home-AbCdEf",
    VersionId: "a".repeat(32),
    SecretString: encodeVersioned({ version: 1, record: worker }),
  };
  answer = (count) =>
    count === 1
      ? { status: 200, body: current }
      : { status: 400, type: "LimitExceededException", message: "too many versions" };
  const { store } = await freshStore({ region: "ap-south-1" });
  await expect(store.update("worker/8200/home", 1, { ...worker, epoch: 1 })).rejects.toMatchObject({ code: "LF1125" });
  const targets = new Set(asked.map(({ target }) => target.split(".").at(-1)));
  expect([...targets]).toEqual(["GetSecretValue", "PutSecretValue"]); // none that would make the new value the current one
});

test("credentials that AWS does not know are told with the region to look at", async () => {
  answer = () => ({ status: 400, type: "UnrecognizedClientException", message: "The security token is invalid." });
  const { store } = await freshStore({ region: "me-south-1" });
  await expect(store.read("worker/8200/home", "worker")).rejects.toMatchObject({
    code: "LF1117",
    fix: expect.stringContaining("aws account enable-region --region-name me-south-1") as string,
  });
});

test("without credentials nothing is asked, and the line says how to get some", async () => {
  useEnvironment({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
  const { store } = await freshStore({ region: "eu-west-3" });
  await expect(store.has("worker/8200/home")).rejects.toMatchObject({
    code: "LF1117",
    message: expect.stringContaining("none were found") as string,
    fix: expect.stringContaining("aws sts get-caller-identity --region eu-west-3") as string,
  });
  expect(asked).toEqual([]);
});

test("a refusal that repeats the secret does not get through, in message, cause or stack", async () => {
  const worker = newWorker();
  const key = Buffer.from(worker.signingKey).toString("hex");
  answer = (count) =>
    count === 1
      ? { status: 400, type: "ResourceNotFoundException", message: "no such secret" }
      : { status: 400, type: "ValidationException", message: `Value '${asked.at(-1)!.body}' failed to satisfy` };
  const { store } = await freshStore({ region: "eu-north-1" });
  const refused = (await store.create("worker/8200/home", worker).catch((error: unknown) => error)) as Error;
  expect(asked.at(-1)!.body).toContain(key); // the server did repeat it
  expect(refused).toMatchObject({ code: "LF1123" });
  const shown = (error: unknown): string =>
    error instanceof Error
      ? [
          error.message,
          error.stack,
          JSON.stringify(error, Object.getOwnPropertyNames(error)),
          shown(error.cause),
        ].join()
      : "";
  expect(shown(refused)).not.toContain(key);
});

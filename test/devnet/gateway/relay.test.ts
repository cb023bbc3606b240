import { describe, expect, test } from "vitest";
import { createRelay } from "../../../devnet/gateway/relay.js";
import { relayApp } from "../../../devnet/gateway/relay-app.js";
import { relayAccessText } from "../../../devnet/gateway/relay-access.js";
import { sessionId } from "../../../schema/units.js";
import { consumer, partsWith, stranger } from "./parts.js";

const [one, two] = [sessionId(1n), sessionId(2n)];

describe("the relay", () => {
  test("gives a late listener what was said before, and then what comes, word for word", () => {
    const relay = createRelay();
    const heard: string[] = [];
    relay.publish(one, '{"jobId": 18446744073709551615 }');
    const stop = relay.subscribe(one, (text) => heard.push(text));
    relay.publish(one, "second");
    relay.publish(two, "not for this session");
    stop();
    relay.publish(one, "third");
    expect(heard).toEqual(['{"jobId": 18446744073709551615 }', "second"]);
    expect(relay.frames(one)).toEqual(['{"jobId": 18446744073709551615 }', "second", "third"]);
  });

  test("forgets the oldest frames of a session, and the session that was quiet longest", () => {
    const relay = createRelay({ framesPerSession: 2, sessions: 2 });
    for (const text of ["a", "b", "c"]) relay.publish(one, text);
    relay.publish(two, "d");
    relay.publish(one, "e");
    relay.publish(sessionId(3n), "f");
    expect([one, two, sessionId(3n)].map((session) => relay.frames(session))).toEqual([["c", "e"], [], ["f"]]);
  });
});

describe("a relay token", () => {
  const ask = async (parts: ReturnType<typeof partsWith>, session: string, by = consumer, age = 0) => {
    const issued = parts.clock.ms / 1000 - age;
    const signature = await by.signMessage({ message: relayAccessText(BigInt(session), issued) });
    const body = JSON.stringify({ sessionId: session, issued, signature });
    return relayApp(parts).request("/token", { method: "POST", body });
  };

  test("is given to the session's owner, for that session", async () => {
    const parts = partsWith();
    const response = await ask(parts, "42");
    const { token, expiresAt } = (await response.json()) as { token: string; expiresAt: string };
    expect(expiresAt).toBe("2026-01-01T01:00:00Z");
    expect(await parts.tokens.subjectOf("relay", token)).toBe("42");
    expect(await parts.tokens.subjectOf("worker", token)).toBeUndefined();
  });

  test.each<[string, () => Promise<Response>, number]>([
    ["somebody else", () => ask(partsWith(), "42", stranger), 403],
    ["nobody's session", () => ask(partsWith(), "43"), 403],
    ["a signature of the past", () => ask(partsWith(), "42", consumer, 121), 403],
    ["a signature of the future", () => ask(partsWith(), "42", consumer, -121), 403],
    ["a body that is none", async () => relayApp(partsWith()).request("/token", { method: "POST", body: "{" }), 400],
    [
      "anybody while the chain cannot be asked",
      () => {
        const down = () => Promise.reject(new Error("down"));
        return ask(partsWith({ view: { isWorkerRegistered: down, ownerOf: down } }), "42");
      },
      503,
    ],
  ])("is refused to %s", async (_, request, status) => {
    expect((await request()).status).toBe(status);
  });
});

import { describe, expect, test } from "vitest";
import { platformIn } from "../../../components/host/bundle-archive.js";
import { meaning, type Failure } from "../../../components/host/ssh/dial.js";
import { HostUnreachable } from "../../../components/host/ssh/errors.js";
import { reasonIn } from "../../../components/host/shell/put-bundle.js";

const server = {
  ...{ address: "10.0.0.7", port: 2222, user: "me" },
  hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHTR0wkU+i9ewPJSughDMRsHDTgekoa9GRJb0LCGeh9t",
};
const failure = (
  level: string | undefined,
  more: { message?: string; code?: string; banner?: string } = {},
): Failure => ({
  error: Object.assign(new Error(more.message ?? "it failed"), {
    ...(level === undefined ? {} : { level }),
    ...(more.code === undefined ? {} : { code: more.code }),
  }),
  why: "why",
  banner: more.banner ?? "",
});

describe("a dial that failed", () => {
  test.each<[situation: string, failure: Failure, code: string, again: boolean]>([
    ["nobody listens", failure("client-socket", { code: "ECONNREFUSED" }), "LF1530", true],
    ["no route leads there", failure("client-socket", { code: "EHOSTUNREACH" }), "LF1530", true],
    ["it takes too long", failure("client-timeout"), "LF1530", true],
    ["the server hangs up before it says who it is", failure("protocol"), "LF1530", true],
    ["it ends without an error", { error: undefined, why: "why", banner: "" }, "LF1530", true],
    ["the name is nobody's", failure("client-socket", { code: "ENOTFOUND" }), "LF1530", false],
    [
      "there is no cipher that both know",
      failure("handshake", { message: "no matching C->S cipher" }),
      "LF1530",
      false,
    ],
    [
      "the server has no key of the pinned kind",
      failure("handshake", { message: "no matching host key format" }),
      "LF1531",
      false,
    ],
    [
      "it cannot sign with the key that it shows",
      failure("handshake", { message: "Handshake failed: signature verification failed" }),
      "LF1531",
      false,
    ],
    ["no key of ours is let in", failure("client-authentication"), "LF1532", false],
    ["the agent says nothing", failure("agent"), "LF1532", false],
    [
      "nobody is let in until it has booted",
      failure("client-authentication", { banner: "System is booting up." }),
      "LF1530",
      true,
    ],
  ])("when %s", (_, failed, code, again) => {
    const error = meaning(server, "the key /k", failed);
    expect(error.message).toMatch(new RegExp(`^${code}: me@10\\.0\\.0\\.7:2222 [^\\n]+ Next: [^\\n]+$`));
    expect(error instanceof HostUnreachable && error.mayPass).toBe(again);
  });
});

test.each([
  ["", "it ended without a word"],
  [
    "tar: a: Cannot open: No such file\ntar: b: Cannot write: No space left on device\n",
    "tar: b: Cannot write: No space left on device",
  ],
  [
    "mkdir: cannot create directory '/r': Permission denied\n",
    "mkdir: cannot create directory '/r': Permission denied",
  ],
  ["first.\nsecond\n", "first"],
])("what a shell complained of is told by its most telling line: %j", (stderr, reason) =>
  expect(reasonIn(stderr)).toBe(reason),
);

test.each<[machine: number, platform: string]>([
  [0x3e, "Linux x86_64"],
  [0xb7, "Linux aarch64"],
  [0x28, "Linux (machine 40)"],
])("a program of ELF machine %i is for %s", (machine, platform) => {
  const head = Buffer.alloc(20);
  head.write("\x7fELF", "latin1");
  head.writeUInt16LE(machine, 18);
  expect(platformIn(head)).toBe(platform);
  expect(platformIn(Buffer.from("#!/bin/sh\n"))).toBe("another system than Linux");
});

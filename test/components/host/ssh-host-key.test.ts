import { describe, expect, test } from "vitest";
import {
  algorithmsFor,
  everyAlgorithm,
  fingerprint,
  hostKeyLine,
  isPinned,
  lineOfKey,
} from "../../../components/host/ssh/host-key.js";

const base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIHTR0wkU+i9ewPJSughDMRsHDTgekoa9GRJb0LCGeh9t";
const line = `ssh-ed25519 ${base64}`;
const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICLdNJUXMNxnKvjuCRyS5eOw2wCh7+eyWBaT0jfjPxQ9";
const blob = Buffer.from(base64, "base64");

describe("a host key", () => {
  test.each([
    ["as it is", line],
    ["as in a .pub file", `${line} root@home\n`],
    ["as ssh-keyscan prints it", `10.0.0.7 ${line}`],
    ["as in known_hosts, with a port", `[10.0.0.7]:2222,[home]:2222 ${line}`],
    ["hashed in known_hosts", `|1|abcdefgh=|ijklmnop= ${line}`],
  ])("is found %s", (_, text) => expect(hostKeyLine(text)).toBe(line));

  test.each([
    ["nothing", ""],
    ["a fingerprint", "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"],
    ["a key that is cut off", line.slice(0, 40)],
    ["a key under another kind's name", `ssh-rsa ${base64}`],
    ["a kind that is not taken", "ssh-dss AAAAB3NzaC1kc3M="],
    ["a kind alone", "ssh-ed25519"],
    ["base64 in another spelling", `${line}=`],
  ])("is not %s", (_, text) => expect(hostKeyLine(text)).toBeUndefined());

  test("that comes over the wire is the same line", () => expect(lineOfKey(blob)).toBe(line));

  test("is pinned when every byte is the same, and not when one is another or more", () => {
    expect(isPinned(line, blob)).toBe(true);
    expect(isPinned(other, blob)).toBe(false);
    expect(isPinned(line, Buffer.concat([blob, Buffer.from([0])]))).toBe(false);
    expect(isPinned(line, Buffer.alloc(0))).toBe(false);
    expect(isPinned(line, Buffer.from(blob).fill(blob.at(-1)! ^ 1, blob.length - 1))).toBe(false);
  });

  test("has one fingerprint, whether it comes as a line or over the wire", () => {
    expect(fingerprint(line)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(fingerprint(line)).toBe(fingerprint(blob));
  });

  test("is asked for by what fits its kind alone, and never by SHA-1", () => {
    expect(algorithmsFor(line)).toEqual(["ssh-ed25519"]);
    expect(algorithmsFor("ssh-rsa AAAA")).toEqual(["rsa-sha2-512", "rsa-sha2-256"]);
    expect(everyAlgorithm).not.toContain("ssh-rsa");
  });
});

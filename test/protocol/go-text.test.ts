import fc from "fast-check";
import { expect, test } from "vitest";
import { goText, utf8 } from "../../protocol/go-text.js";
import { anyText, bytes } from "./fixtures.js";

test("text comes back as it was, a byte order mark included", () =>
  fc.assert(
    fc.property(anyText, (text) => {
      expect(goText(utf8(`\ufeff${text}`))).toBe(`\ufeff${text.toWellFormed()}`);
    }),
  ));

test.each<[what: string, hex: string, text: string]>([
  ["a lone continuation", "80", "\ufffd"],
  ["an overlong slash", "c0af", "\ufffd\ufffd"],
  ["an overlong of three bytes", "e08080", "\ufffd\ufffd\ufffd"],
  ["an overlong of four bytes", "f0808080", "\ufffd\ufffd\ufffd\ufffd"],
  ["a surrogate", "eda080", "\ufffd\ufffd\ufffd"],
  ["beyond Unicode", "f4908080", "\ufffd\ufffd\ufffd\ufffd"],
  ["five bytes", "f888808080", "\ufffd\ufffd\ufffd\ufffd\ufffd"],
  ["the euro sign cut off", "e282", "\ufffd\ufffd"],
  ["the euro sign cut off by a letter", "e28241", "\ufffd\ufffdA"],
  ["the last character of Unicode", "f48fbfbf", "\u{10ffff}"],
  ["the characters around the surrogates", "ed9fbfee8080", "\ud7ff\ue000"],
])("%s is read as Go reads it", (_, hex, text) => {
  expect(goText(bytes(hex))).toBe(text);
});

test("what the web's decoder finds valid is read the same", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (some) => {
      const web = new TextDecoder("utf-8", { ignoreBOM: true });
      const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
      const text = goText(some);
      expect(text.replaceAll("\ufffd", "")).toBe(web.decode(some).replaceAll("\ufffd", ""));
      let valid = true;
      try {
        strict.decode(some);
      } catch {
        valid = false;
      }
      if (valid) expect(text).toBe(strict.decode(some));
    }),
    { numRuns: 500 },
  ));

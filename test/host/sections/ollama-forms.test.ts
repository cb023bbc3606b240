import { expect, test } from "vitest";
import { isOwn, ollamaUrl } from "../../../host/sections/ollama-unit.js";
import { runtimeSectionSchema } from "../../../schema/host.js";

const sha256 = "ab".repeat(32);
const sectionOf = (ollama: unknown) => runtimeSectionSchema.parse({ kind: "runtime", ollama, port: 11_500 });

test.each<[what: string, ollama: unknown, own: boolean, url: string]>([
  ["a program", "/usr/local/bin/ollama", true, "http://127.0.0.1:11500"],
  ["a release", { version: "0.14.2", sha256 }, true, "http://127.0.0.1:11500"],
  ["a release with a url", { version: "0.14.2", sha256, url: "https://a/b.tgz" }, true, "http://127.0.0.1:11500"],
  ["one that others run", { url: "http://ollama:11434/" }, false, "http://ollama:11434"],
])("%s is taken for what it is, and asked where it answers", (_, ollama, own, url) => {
  const section = sectionOf(ollama);
  expect(section.ollama).toEqual(ollama);
  expect([isOwn(section), ollamaUrl(section)]).toEqual([own, url]);
});

test.each<[what: string, ollama: object]>([
  ["version", { version: "0.14", sha256, url: "https://a/b.tgz" }],
  ["checksum", { version: "0.14.2", sha256: "ab", url: "https://a/b.tgz" }],
  ["no checksum", { version: "0.14.2", url: "https://a/b.tgz" }],
])("a release with a mistake in it (%s) is refused, and not taken for one that others run", (_, ollama) => {
  expect(runtimeSectionSchema.safeParse({ kind: "runtime", ollama }).success).toBe(false);
});

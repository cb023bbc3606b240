import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ollamaRecipe, workerRecipe, writeContext } from "../../../components/host/docker/image.js";

let folder: string;
let bundle: { folder: string; hash: string };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fl-"));
  bundle = { folder: join(folder, "bundle"), hash: `0x${"ab".repeat(32)}` };
  mkdirSync(join(bundle.folder, "deep", "er"), { recursive: true });
  writeFileSync(join(bundle.folder, "node"), "#!", { mode: 0o755 });
  writeFileSync(join(bundle.folder, "deep", "er", "file"), "text");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the worker's image is the bundle on its base, with a folder for the volume, and says which bundle", () => {
  expect(workerRecipe("debian:bookworm-slim@sha256:1", bundle).dockerfile).toBe(`FROM debian:bookworm-slim@sha256:1
LABEL ai.lightchain.fleet.bundle=${bundle.hash}
COPY --chown=10471:10471 bundle/ /opt/lightchain/bundle/
COPY --chown=10471:10471 state/ /var/lib/
USER 10471:10471
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/lightchain/bundle/node", "/opt/lightchain/bundle/container.js", "--root", "/var/lib/lightchain-fleet"]
CMD []
`);
});

test("Ollama's image is the operator's, with a folder that our user may write", () => {
  expect(ollamaRecipe("ollama/ollama:1").dockerfile).toBe(`FROM ollama/ollama:1
COPY --chown=10471:10471 state/ /var/lib/
USER 10471:10471
`);
});

test("an image is named by what it is made of", () => {
  const tag = workerRecipe("base", bundle).tag;
  expect(workerRecipe("base", { ...bundle, folder: "/elsewhere" }).tag).toBe(tag);
  expect(workerRecipe("other", bundle).tag).not.toBe(tag);
  expect(workerRecipe("base", { ...bundle, hash: "0x1" }).tag).not.toBe(tag);
});

test("its folder holds the bundle as it is, and the volume's folder for its owner alone", () => {
  const place = writeContext(join(folder, "image"), workerRecipe("base", bundle));
  expect(readFileSync(join(place, "bundle", "deep", "er", "file"), "utf8")).toBe("text");
  expect(statSync(join(place, "bundle", "node")).mode & 0o777).toBe(0o755);
  expect(statSync(join(place, "state", "lightchain-fleet")).mode & 0o777).toBe(0o700);
  expect(existsSync(join(place, "state", "lightchain-ollama"))).toBe(false);
  const made = statSync(place).mtimeMs;
  expect(writeContext(join(folder, "image"), workerRecipe("base", bundle))).toBe(place);
  expect(statSync(place).mtimeMs).toBe(made);
});

test("a folder that cannot be written is said with its code", () => {
  writeFileSync(join(folder, "image"), "a file");
  expect(() => writeContext(join(folder, "image"), ollamaRecipe("base"))).toThrow(/^LF1588: /);
});

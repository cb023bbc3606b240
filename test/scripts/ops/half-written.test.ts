import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { mendHalfWritten } from "../../../scripts/ops/half-written.js";

test("empty attributes of a stack's files are taken away; full ones, other stacks' and all else stay", async () => {
  const backend = await mkdtemp(join(tmpdir(), "lf-half-"));
  try {
    const folder = join(backend, ".pulumi", "stacks", "project");
    await mkdir(folder, { recursive: true });
    const files = {
      "mine.json": "{}",
      "mine.json.attrs": "",
      "mine.json.bak": "",
      "mine.json.bak.attrs": '{"md5":""}',
      "minerva.json.attrs": "",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const url = pathToFileURL(backend).href;
    expect(await mendHalfWritten(url, "project", "mine")).toEqual([join(folder, "mine.json.attrs")]);
    expect((await readdir(folder)).sort()).toEqual(Object.keys(files).filter((name) => name !== "mine.json.attrs"));
    expect(await mendHalfWritten(url, "project", "mine")).toEqual([]);
    expect(await mendHalfWritten("s3://bucket", "project", "mine")).toEqual([]);
  } finally {
    await rm(backend, { recursive: true });
  }
});

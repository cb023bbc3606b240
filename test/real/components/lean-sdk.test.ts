import { expect, test } from "vitest";
import { compiled } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";

/** Runs lines of JavaScript in a process of their own. @returns what they say, as JSON */
async function said(lines: string): Promise<unknown> {
  const { code, stdout, stderr } = await runProcess(process.execPath, ["-e", lines], { cwd: compiled(".") });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

const heavy = `Object.keys(require.cache).filter((file) => /typescript\\.js$|arborist/.test(file)).length`;

test.each(["index.js", "components/worker/worker.js"])("%s loads neither TypeScript nor Arborist", async (entry) => {
  expect(await said(`require("./${entry}"); console.log(${heavy})`)).toBe(0);
});

test("a program's own dynamic provider is turned into text all the same", async () => {
  const { loaded, text } = (await said(`
    require("./components/lean-sdk.js");
    const pulumi = require("@pulumi/pulumi");
    const one = 1;
    pulumi.runtime.serializeFunction(() => one).then(({ text }) => console.log(JSON.stringify({ text, loaded: ${heavy} })));
  `)) as { loaded: number; text: string };
  expect(text).toMatch(/one: 1|one = 1/);
  expect(loaded).toBeGreaterThan(0);
});

test("Pulumi's SDK by itself loads both, or this is for nothing", async () => {
  expect(await said(`require("@pulumi/pulumi"); console.log(${heavy})`)).toBeGreaterThan(1);
});

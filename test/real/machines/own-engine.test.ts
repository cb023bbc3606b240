import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { runProcess } from "../../../system/process.js";
import { because, whyNoEngineAt } from "./docker-engine.js";
import { noOwnEngine, startOwnEngine } from "./own-engine.js";

const whyNot = noOwnEngine();

/** What of this computer an engine is wont to change. */
async function networkOfThisComputer(): Promise<string> {
  const links = await runProcess("ip", ["-brief", "link"]);
  const rules = await runProcess("iptables-save", []).catch(() => ({ stdout: "" }));
  const names = links.stdout.split("\n").map((line) => line.split(/[\s@]/)[0] ?? "");
  const chains = rules.stdout.split("\n").filter((line) => line.startsWith(":"));
  return [
    ...names.filter((name) => !/^(veth|br-|fleet-)/.test(name)),
    ...chains.map((line) => line.split(" ")[0]),
  ].join("\n");
}

describe.skipIf(whyNot !== undefined)(`an engine of our own${because(whyNot)}`, () => {
  test("answers, leaves this computer's network as it is, and is gone when it is stopped", async () => {
    const before = await networkOfThisComputer();
    const interfaces = async (): Promise<string[]> =>
      (await runProcess("ip", ["-brief", "link"])).stdout.split("\n").map((line) => line.split(" ")[0] ?? "");
    const hadDocker0 = (await interfaces()).includes("docker0");
    const engine = await startOwnEngine();
    if (typeof engine === "string") throw new Error(engine);
    expect(whyNoEngineAt(engine.address)).toBeUndefined();
    expect(await networkOfThisComputer()).toBe(before);
    expect(await interfaces()).toContain(engine.bridge);
    await engine.stop();
    expect(await interfaces()).not.toContain(engine.bridge);
    expect((await interfaces()).includes("docker0")).toBe(hadDocker0);
    expect(whyNoEngineAt(engine.address)).toContain("no Docker engine answers");
    expect(existsSync(dirname(engine.address.slice("unix://".length)))).toBe(false);
    const { stdout } = await runProcess("ps", ["-eo", "args"]);
    expect(stdout).not.toContain(engine.address);
  });

  test("of another computer is none", () => {
    expect(whyNoEngineAt("tcp://127.0.0.1:2375")).toContain("is on another machine");
  });
});

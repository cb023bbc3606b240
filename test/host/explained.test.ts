import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explained } from "../../host/explained.js";
import { whySilent } from "../../host/sidecar-silent.js";
import { FleetError } from "../../schema/errors.js";

const failed = (code: `LF1${string}`, summary = "It failed.") => new FleetError(code, summary, { fix: "look." });
const isFull = async (): Promise<boolean> => true;
const hasRoom = async (): Promise<boolean> => false;

describe("a failure on a host", () => {
  test.each<[string, unknown, (root: string) => Promise<boolean>, string | undefined]>([
    ["the system says so", Object.assign(new Error("write"), { code: "ENOSPC" }), hasRoom, "LF1350"],
    ["Ollama says so", failed("LF1308", "pull: write /x: no space left on device"), hasRoom, "LF1350"],
    ["the disk is found full after something that looks like it", failed("LF1307"), isFull, "LF1350"],
    ["the disk is found full after something else", failed("LF1305"), isFull, "LF1305"],
    ["there is room", failed("LF1307"), hasRoom, "LF1307"],
    ["it is a bug", new TypeError("no"), isFull, undefined],
  ])("is told as a full disk when that is its cause: %s", async (_, error, full, code) => {
    expect(((await explained(error, "/root/of/host", full)) as { code?: string }).code).toBe(code);
  });
});

describe("a sidecar that does not answer", () => {
  let folder: string;
  let log: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "lightchain-log-"));
    log = join(folder, "sidecar.log");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const word = { level: "fatal", code: "LF1212", fix: "check the node.", msg: "The node could not be asked." };
  const why = async (lastLine: string, state: "running" | "backing-off") => {
    writeFileSync(log, `${JSON.stringify({ level: "info", msg: "starting" })}\n${lastLine}\n`);
    return (await whySilent("home", { state, pid: null, lastExit: 75 }, log, undefined)).message;
  };

  test("is told by its own last word when it gave up", async () => {
    expect(await why(JSON.stringify(word), "backing-off")).toBe(
      "LF1321: The sidecar of worker home cannot start: LF1212: The node could not be asked. Next: check the node.",
    );
  });

  test.each<[string, string, "running" | "backing-off"]>([
    ["it is running again meanwhile", JSON.stringify(word), "running"],
    ["its last line is no last word", JSON.stringify({ ...word, level: "warn" }), "backing-off"],
    ["its last line was cut off", JSON.stringify(word).slice(0, 40), "backing-off"],
  ])("is told by its service when %s", async (_, line, state) => expect(await why(line, state)).toMatch(/^LF1320: /));
});

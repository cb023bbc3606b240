import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { rehearse } from "../../../scripts/rehearsal/rehearse.js";
import { compiled, packageRoot } from "../../../system/package-root.js";
import { runProcess } from "../../../system/process.js";
import { blockUnder, documents, sourcesBelow } from "../../docs/documents.js";
import { openRehearsal, type Rehearsal } from "../e2e/rehearsal.js";

/** Only the default folder makes the checkout itself the Pulumi project, with our own `fleet`; and nobody is here to press "yes". */
const typedIn = (line: string): string =>
  line.replace(/^npx pulumi .*/, "$& --yes").replace(/^npx fleet (.*)/, `node ${compiled("scripts/fleet.js")} $1`);

describe("the README's way by hand, line by line, after `npm start -- --keep`", () => {
  let rehearsal: Rehearsal | undefined;
  afterAll(() => rehearsal?.end());

  test("asks the worker, ups, lets a day pass, destroys, and takes the network down", async () => {
    rehearsal = await openRehearsal();
    const { folders, tools } = rehearsal;
    await rehearse({ folders, prompt: "Tell me about the sea.", keep: true, say: () => undefined });

    const [environment, ...lines] = blockUnder("By hand, with plain Pulumi").map((line) =>
      line.replaceAll(".fleet/devnet", folders.root),
    );
    expect(lines.length).toBeGreaterThan(4);
    const said: string[] = [];
    for (const line of lines) {
      const { code, stdout, stderr } = await runProcess("sh", ["-c", `${environment} && ${typedIn(line)}`], {
        cwd: line.startsWith("npx ") ? folders.project : packageRoot(),
        env: {
          ...(process.env as Record<string, string>),
          PATH: `${join(tools.node, "..")}:${process.env["PATH"] ?? ""}`,
        },
      });
      expect(code, `${line}\n${stdout}\n${stderr}`).toBe(0);
      said.push(stdout);
    }
    const all = said.join("\n");
    expect(all).toMatch(/verified/);
    expect(all).toMatch(/unchanged/);
    expect(all).toMatch(/live, claiming/);
    expect(all).toMatch(/deleted/);
  }, 300_000);
});

describe("`npx fleet`", () => {
  const named = new Set(
    [...documents(), ...sourcesBelow()].flatMap(({ text }) =>
      [...text.matchAll(/npx fleet ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)(?=[ `])/g)].map(([, words]) => words ?? ""),
    ),
  );
  test("is named somewhere", () => expect([...named]).toContain("status"));

  test.each([...named])("%s is a command it has", async (words) => {
    const { code, stdout } = await runProcess(process.execPath, [
      compiled("scripts/fleet.js"),
      ...words.split(" "),
      "--help",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: fleet ${words}`);
  });
});

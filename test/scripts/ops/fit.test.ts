import { Command } from "commander";
import { expect, test } from "vitest";
import { fit } from "../../../components/host/aws/fit.js";
import { needsOf } from "../../../components/models/needs.js";
import { addFitCommand, renderFit } from "../../../scripts/ops/fit-command.js";

test("a person reads the cheapest type first, what it costs, and why others do not do", () => {
  const lines = renderFit(fit([needsOf("llama3-70b")], { contextTokens: 8_192, parallel: 1 })).split("\n");
  const rows = lines.filter((line) => line.includes("xlarge"));
  expect(rows[0]).toMatch(/g6e\.xlarge .* L40S .* 1\.861 .* 1359 .* 0\.9 GiB free/);
  expect(rows.at(-1)).toMatch(/g5\.xlarge .* no: llama3-70b takes 43\.8 GiB, it has 22\.4 GiB/);
  expect(lines.at(-1)).toContain("us-east-1 of 2026-07-20");
});

test.each([
  ["a context that is no number", ["fit", "llama3-8b", "--context", "much"]],
  ["no answer at a time", ["fit", "llama3-8b", "--parallel", "0"]],
  ["no model", ["fit"]],
])("%s is refused before anything is said", (_, args) => {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addFitCommand(program);
  program.commands.forEach((one) => one.exitOverride().configureOutput({ writeErr: () => undefined }));
  expect(() => program.parse(args, { from: "user" })).toThrow(expect.objectContaining({ exitCode: 1 }) as Error);
});

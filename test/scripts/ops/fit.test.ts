import { Command } from "commander";
import { expect, test } from "vitest";
import { fit } from "../../../components/host/aws/fit.js";
import { needsOf } from "../../../components/models/needs.js";
import { factsOf, region } from "../../components/host/aws/preflight/ground.js";
import { addFitCommand, renderFit } from "../../../scripts/ops/fit-command.js";

test("a person reads the cheapest type first, what it costs, and why others do not do", () => {
  const lines = renderFit(fit([needsOf("llama3-70b")], { contextTokens: 8_192, parallel: 1 })).split("\n");
  const rows = lines.filter((line) => line.includes("xlarge"));
  expect(rows[0]).toMatch(/g6e\.xlarge .* L40S .* 1\.861 .* 1359 .* 0\.9 GiB free/);
  expect(rows.at(-1)).toMatch(/g5\.xlarge .* no: llama3-70b takes 43\.8 GiB, it has 22\.4 GiB/);
  expect(lines.at(-1)).toContain("us-east-1 of 2026-07-20");
});

test("a person who names a region reads where each type is offered, what spot costs there, and how much may run", () => {
  const facts = factsOf({
    offers: { known: { "g6.xlarge": [`${region}a`, `${region}c`], "g5.xlarge": [`${region}b`] } },
    spotPrices: { known: { "g6.xlarge": { [`${region}a`]: 0.31, [`${region}c`]: 0.28 } } },
    running: { known: { vcpus: { "L-DB2E81BA": 4 }, workers: [] } },
  });
  const text = renderFit(fit([needsOf("llama3-8b")], { contextTokens: 8_192, parallel: 1 }), facts);
  expect(text).toMatch(/g6\.xlarge .* a c; spot 0\.28 .* GiB free/);
  expect(text).toMatch(/g5\.xlarge .* │ b +│/);
  expect(text).toMatch(/g4dn\.xlarge .* │ none +│/);
  expect(text).toContain("Account 111122223333 may run at a time in eu-test-1:");
  expect(text).toContain("  Running On-Demand G and VT instances (L-DB2E81BA): 64 vCPUs, 4 in use");
  expect(text).not.toContain("may not ask");
});

test("what the credentials may not ask of a region is a question mark, and named", () => {
  const facts = factsOf({
    offers: { denied: "ec2:DescribeInstanceTypeOfferings" },
    running: { denied: "ec2:DescribeInstances" },
  });
  const text = renderFit(fit([needsOf("llama3-8b")], { contextTokens: 8_192, parallel: 1 }), facts);
  expect(text).toMatch(/g6\.xlarge .* │ \? +│/);
  expect(text).toContain("(L-DB2E81BA): 64 vCPUs, ? in use");
  expect(text).toContain("may not ask: ec2:DescribeInstanceTypeOfferings, ec2:DescribeInstances.");
});

test.each([
  ["a region that is none", ["fit", "llama3-8b", "--region", "Frankfurt"]],
  ["a context that is no number", ["fit", "llama3-8b", "--context", "much"]],
  ["no answer at a time", ["fit", "llama3-8b", "--parallel", "0"]],
  ["no model", ["fit"]],
])("%s is refused before anything is said", (_, args) => {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addFitCommand(program);
  program.commands.forEach((one) => one.exitOverride().configureOutput({ writeErr: () => undefined }));
  expect(() => program.parse(args, { from: "user" })).toThrow(expect.objectContaining({ exitCode: 1 }) as Error);
});

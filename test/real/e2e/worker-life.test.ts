import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createPublicClient, http } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { networkSchema } from "../../../schema/network.js";
import { readFile } from "node:fs/promises";
import { rehearse } from "../../../scripts/rehearsal/rehearse.js";
import type { Report } from "../../../scripts/rehearsal/report.js";
import { openRehearsal, processesIn, type Rehearsal } from "./rehearsal.js";

let rehearsal: Rehearsal;
let report: Report;
let gas: bigint;
beforeAll(async () => {
  rehearsal = await openRehearsal();
  const { endpoints } = networkSchema.parse(JSON.parse(await readFile(rehearsal.network.networkFile, "utf8")));
  const client = createPublicClient({ transport: http(endpoints.rpc), cacheTime: 0 });
  report = await rehearse({
    folders: rehearsal.folders,
    prompt: "Tell me about the stars.",
    keep: false,
    say: () => undefined,
    beforeStop: async (sent) => {
      const receipts = await Promise.all(sent.map((hash) => client.getTransactionReceipt({ hash })));
      gas = receipts.reduce(
        (sum, one) => sum + one.gasUsed * one.effectiveGasPrice + (one.blobGasUsed ?? 0n) * (one.blobGasPrice ?? 0n),
        0n,
      );
    },
  });
}, 600_000);
afterAll(() => rehearsal.end());

describe("a worker's whole life, on real parts", () => {
  test("the job is answered, verified, and equal byte for byte to a direct call", () => {
    expect(report.job).toMatchObject({ verified: true, equals_direct_call: true, state: "Released" });
    expect(report.job.answer.length).toBeGreaterThan(40);
  });

  test("a second up and a second destroy change nothing", () => {
    expect(report.second_up_changes).toBe(0);
    expect(report.second_destroy_changes).toBe(0);
  });

  test("everything comes back to the wei, less gas", () => {
    const chain = Object.fromEntries(
      Object.entries(report.chain).map(([key, value]) => [key, typeof value === "string" ? BigInt(value) : value]),
    ) as Record<string, bigint | boolean>;
    expect(chain).toMatchObject({ registered_during: true, deregistered: true, worker_balance_after_wei: 0n });
    expect(chain["stake_locked_wei"]).toBe(5_000n * 10n ** 18n);
    expect(chain["earnings_wei"]).toBe(16n * 10n ** 15n);
    expect(chain["refunded_wei"]).toBe((chain["funded_wei"] as bigint) + (chain["earnings_wei"] as bigint) - gas);
  });

  test("no private key is in state, history, logs, arguments or environments", () => {
    expect(report.leaks).toEqual([]);
  });

  test("nothing is left but the sealed keys", async () => {
    expect(existsSync(rehearsal.folders.host)).toBe(false);
    expect(await processesIn(rehearsal.folders.root)).toEqual([]);
    expect((await readdir(rehearsal.folders.keys)).filter((name) => !name.startsWith("."))).not.toEqual([]);
  });
});

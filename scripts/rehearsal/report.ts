import Table from "cli-table3";
import { formatEther } from "viem";
import type { Hash } from "../../schema/units.js";
import type { Leak } from "./scan.js";

/** What `--json` writes. Amounts are wei as decimal text, times are ms. */
export interface Report {
  /** How the network gave sessions to workers. */
  readonly mode: "sortition" | "dispatcher";
  readonly worker: string;
  readonly refund_to: string;
  readonly job: {
    readonly id: string;
    readonly prompt: string;
    readonly answer: string;
    /** Signature, hash and blob hold, and the plaintext opens. */
    readonly verified: boolean;
    /** The same bytes as the worker's Ollama gives when it is asked directly. */
    readonly equals_direct_call: boolean;
    /** On-chain state in the end. */
    readonly state: string;
  };
  readonly second_up_changes: number;
  readonly second_destroy_changes: number;
  readonly chain: {
    readonly registered_during: boolean;
    readonly deregistered: boolean;
    readonly stake_locked_wei: string;
    readonly stake_returned_wei: string;
    readonly earnings_wei: string;
    readonly gas_spent_wei: string;
    readonly funded_wei: string;
    readonly refunded_wei: string;
    readonly worker_balance_after_wei: string;
  };
  readonly transactions: readonly { readonly purpose: string; readonly hash: Hash }[];
  readonly phases_ms: Readonly<Record<string, number>>;
  readonly secrets_found: number;
  readonly leaks: readonly Leak[];
}

/** The closing table, for a person. Pure. */
export function renderReport(report: Report): string {
  const money = new Table({ style: { head: [], border: [] } });
  const lcai = (wei: string): string => `${formatEther(BigInt(wei))} LCAI`;
  money.push(
    ["worker", report.worker],
    ["paid back to", report.refund_to],
    ["stake locked", lcai(report.chain.stake_locked_wei)],
    ["stake returned", lcai(report.chain.stake_returned_wei)],
    ["earned", lcai(report.chain.earnings_wei)],
    ["gas spent", lcai(report.chain.gas_spent_wei)],
    ["sent by the treasury", lcai(report.chain.funded_wei)],
    ["came back", lcai(report.chain.refunded_wei)],
    ["left under the worker's key", lcai(report.chain.worker_balance_after_wei)],
    ["job", `${report.job.id} · ${report.job.state} · ${report.job.verified ? "verified" : "NOT VERIFIED"}`],
    ["second up changed", `${report.second_up_changes} resources`],
    ["private keys found in the open", String(report.secrets_found)],
  );
  const transactions = new Table({ head: ["transaction", "hash"], style: { head: [], border: [] } });
  for (const { purpose, hash } of report.transactions) transactions.push([shortPurpose(purpose), hash]);
  const phases = new Table({ head: ["phase", "seconds"], style: { head: [], border: [] } });
  for (const [phase, ms] of Object.entries(report.phases_ms)) phases.push([phase, (ms / 1000).toFixed(1)]);
  return [money.toString(), transactions.toString(), phases.toString(), ""].join("\n");
}

/** `48221/0x…/register/g1` → `register/g1`. */
const shortPurpose = (purpose: string): string => purpose.split("/").slice(2).join("/");

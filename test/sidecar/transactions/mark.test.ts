import { expect, test } from "vitest";
import { wei } from "../../../schema/units.js";
import { createDrafting } from "../../../sidecar/transactions/drafts.js";
import type { Node } from "../../../sidecar/ports.js";
import { identity } from "../journal/fixtures.js";
import { chainSettings } from "./settings.js";

const node = {
  estimate: () => Promise.resolve(50_000n),
  gasPrice: () => Promise.resolve(1_000_000_000n),
  priorityFee: () => Promise.resolve(0n),
  balance: () => Promise.resolve(wei(10n ** 18n)),
} as Partial<Node> as Node;
const drafting = (mark: bigint) => createDrafting(node, identity.worker, chainSettings({}), mark);
const call = { purpose: "1/0x0/acknowledge/g0/7" as never, to: identity.worker, data: "0x01" as const, value: wei(0n) };

test("the same call from a process and from one on a copy of its disk is never the same transaction", async () => {
  const [one, other] = await Promise.all([drafting(7n).call(call), drafting(8n).call(call)]);
  expect(other.body.gas - one.body.gas).toBe(1n);
});

test("a replacement keeps its process's mark, and a sweep has none: it leaves nothing behind", async () => {
  const drafts = drafting(7n);
  const draft = await drafts.call(call);
  const raised = drafts.raised(draft, draft.fees, await drafts.prices());
  expect(raised?.body.gas).toBe(draft.body.gas);
  const sweep = { ...call, data: "0x" as const, sweep: true };
  expect((await drafts.call(sweep)).body.gas).toBe((await drafting(0n).call(sweep)).body.gas);
});

import { expect, test } from "vitest";
import { describePayment } from "../../../components/worker/checks/chain-checks.js";
import { CapExceeded, blockerFor } from "../../../lifecycle/errors.js";
import { purposeId } from "../../../lifecycle/purpose.js";
import { lcai, worker } from "../../lifecycle/situations.js";

const purpose = purposeId({ chainId: 8200, worker, kind: "fund", generation: 1, detail: "1" });

test.each<[situation: string, payment: Parameters<typeof describePayment>[0], said: string]>([
  ["a payment", { do: "pay", purpose, to: worker, amount: lcai("12.5"), isRefill: false }, "12.5 LCAI"],
  ["nothing to pay", { do: "nothing", blockers: [] }, "0 LCAI"],
  [
    "what a cap forbids one that serves on",
    { do: "nothing", blockers: [blockerFor(new CapExceeded("perDay", lcai("6"), lcai("5")))] },
    "0 LCAI, though its reserve for gas is low (LF1221: Worker needs 6 LCAI, but `caps.perDay` leaves 5 LCAI to be sent today.)",
  ],
  [
    "a node that is behind",
    { do: "wait", because: "the node is at block 7, before fund/1 was mined" },
    "nothing yet, for the node is at block 7, before fund/1 was mined",
  ],
])("a preview says what the treasury sends: %s", (_, payment, said) => expect(describePayment(payment)).toBe(said));

import { expect, test } from "vitest";
import { plan } from "../../../lifecycle/plan.js";
import { renderQuotes } from "../../../scripts/ops/quote.js";
import { completed, nobody, refundTo, session, workerWith } from "../../lifecycle/situations.js";

const quoted = (observed = nobody()) => ({
  worker: "home",
  refundTo,
  observed,
  money: plan({ kind: "gone", refundTo, generation: 1 }, observed).money,
});

test("the quote of a worker with a job in its dispute window and an open session", () =>
  expect(
    renderQuotes([quoted(workerWith({ jobs: [completed(1, 3)], sessions: [session(1, "open")] }))]),
  ).toMatchSnapshot());

test("the quote of one that is not registered, and of one whose chain cannot be read", () =>
  expect(
    renderQuotes([quoted(), { worker: "far", refundTo, trouble: "LF1212: The node does not answer. Next: mend it." }]),
  ).toMatchSnapshot());

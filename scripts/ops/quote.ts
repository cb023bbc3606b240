import Table from "cli-table3";
import { z } from "zod";
import { observeWorker } from "../../components/chain/observe-worker.js";
import { openStoreHere } from "../../components/context.js";
import { keyReferenceSchema } from "../../components/worker-reference.js";
import { lcai } from "../../lifecycle/money.js";
import { plan } from "../../lifecycle/plan.js";
import type { MoneySummary, Observed } from "../../lifecycle/types.js";
import { describeError, FleetError } from "../../schema/errors.js";
import { addressSchema, networkSchema } from "../../schema/network.js";
import type { StackState } from "./pending.js";

/** What the stack's `Keys` resources put out (`components/keys`). */
const keysSchema = z.looseObject({
  name: z.string(),
  network: networkSchema,
  store: z.string(),
  ref: keyReferenceSchema.shape.ref,
  refundTo: addressSchema,
});

/** What a destroy would bring back of one worker, or why that cannot be told. */
export type Quote =
  | { readonly worker: string; readonly refundTo: string; readonly observed: Observed; readonly money: MoneySummary }
  | { readonly worker: string; readonly refundTo: string; readonly trouble: string };

/** Reads the chain for every worker of a stack; sends nothing. */
export function quoteDestroy(state: StackState): Promise<Quote[]> {
  const keys = state.resources.filter(({ type }) => type === "Keys");
  return Promise.all(keys.map(({ outputs }) => quoteWorker(keysSchema.parse(outputs))));
}

async function quoteWorker({ name, network, store, ref, refundTo }: z.infer<typeof keysSchema>): Promise<Quote> {
  try {
    const { record } = await openStoreHere(store).read(ref, "worker");
    const observed = await observeWorker(network, record, [], "standby");
    const { money } = plan({ kind: "gone", refundTo: record.refundTo, generation: record.generation }, observed);
    return { worker: name, refundTo: record.refundTo, observed, money };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { worker: name, refundTo, trouble: describeError(error) };
  }
}

/** Quotes for a person. Pure. */
export function renderQuotes(quotes: readonly Quote[]): string {
  return quotes
    .map((quote) => {
      const table = new Table({ style: { head: [], border: [] } });
      table.push(["worker", quote.worker], ["comes back to", quote.refundTo]);
      if ("trouble" in quote) table.push(["not known", quote.trouble]);
      else table.push(...standingLines(quote.observed, quote.money));
      return table.toString();
    })
    .join("\n");
}

/**
 * What a worker has on chain, and when it could be gone, as rows of a table. Pure.
 * @param unsettled what jobs and sessions are called here
 */
export function standingLines(
  observed: Observed,
  money: MoneySummary,
  unsettled = "must be served first",
): [string, string][] {
  const { registration, earnings, balance, sessions, jobs } = observed;
  const open = sessions.filter(({ standing }) => standing === "open").length;
  return [
    ["stake", `${lcai(registration?.stake ?? 0n)} LCAI`],
    ["earned", `${lcai(earnings)} LCAI`],
    ["balance", `${lcai(balance)} LCAI`],
    ["returns", `${lcai(money.returns)} LCAI, less gas of at most ${lcai(money.gas)} LCAI`],
    [unsettled, `jobs not settled: ${jobs.length} · sessions open: ${open}`],
    ["could be gone", gone(observed, money)],
  ];
}

function gone({ registration, at }: Observed, { earliestExit }: MoneySummary): string {
  if (registration === null) return "at once: it is not registered";
  if (earliestExit === null) return "not known yet: it depends on jobs or disputes of others";
  if (earliestExit <= at.time) return "at once";
  return `from ${new Date(Number(earliestExit) * 1000).toISOString()} on the chain's clock`;
}

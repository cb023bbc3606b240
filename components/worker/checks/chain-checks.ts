import { formatEther, getAddress, keccak256, sliceHex, stringToHex } from "viem";
import { TreasuryTooPoor } from "../../../lifecycle/errors.js";
import type { FundingPlan } from "../../../lifecycle/fund.js";
import { gasCost, transferGas } from "../../../lifecycle/gas.js";
import { answered } from "../../../lifecycle/node.js";
import { plan } from "../../../lifecycle/plan.js";
import { wantedStake } from "../../../lifecycle/plan-serving.js";
import type { Desired, Observed } from "../../../lifecycle/types.js";
import { modelIdOf } from "../../../protocol/model-id.js";
import { FleetError, PassedOn } from "../../../schema/errors.js";
import { addWei, wei, type Hex, type Wei } from "../../../schema/units.js";
import { observeWorker } from "../../chain/observe-worker.js";
import { nextPayment, type Treasury } from "../../chain/payments.js";
import { chainOf, openStoreHere } from "../../context.js";
import type { Check } from "./check.js";
import type { ResolvedWorker } from "../resolve.js";
import { clockWarning } from "./clock.js";
import { workerRef } from "./key-checks.js";

/** LF1551 (not whitelisted), LF1552 (disabled): a model that the network does not let anybody serve. */
export class ModelNotServable extends FleetError {
  constructor(code: "LF1551" | "LF1552", network: string, model: string, why: string) {
    super(code, `Model ${model} (${modelIdOf(model)}) ${why} on ${network}.`, {
      fix: `choose one that is; ${network} lists its models by id, which is keccak256 of the exact name.`,
    });
  }
}

/** What each treasury is to pay, over all workers of this program: they are constructed before the first chain read returns. */
const demands = new Map<string, Map<string, Wei>>();

/** Whether the chain lets this worker come, or go, and whether its treasury can pay for it. */
export const chainChecks: readonly Check[] = [
  {
    name: "network",
    run: async (worker) => {
      await chainOf(worker.network);
      return undefined;
    },
  },
  {
    name: "this machine's clock",
    tells: "warning",
    run: async ({ network }) => {
      const { client } = await chainOf(network);
      return clockWarning(Date.now(), (await answered(client.getBlock({ blockTag: "latest" }))).timestamp);
    },
  },
  {
    name: "models and money",
    run: async (worker) => {
      const { observed, encryptionKey } = await observeNow(worker);
      // What keeps a worker from serving keeps none from leaving.
      if (worker.leaving) return describeMoney(worker, observed, "0 LCAI");
      for (const { name } of worker.models) checkModel(worker, observed, name);
      const desired = desiredOf(worker, encryptionKey);
      const [blocker] = plan(desired, observed).blockers;
      if (blocker) throw new PassedOn(blocker);
      const { plan: payment, treasury } = await nextPayment({ ...worker, desired, observed, asOf: "chain" });
      if (payment.do === "blocked") throw new PassedOn(payment.blockers[0]);
      // A refill that the treasury has nothing left for keeps nobody from serving.
      const isDue = payment.do === "pay" && !payment.isRefill;
      const due = isDue ? addWei(payment.amount, gasCost(transferGas, observed.gasPrice)) : wei(0n);
      checkTreasury(worker, treasury, due);
      return describeMoney(worker, observed, describePayment(payment));
    },
  },
];

async function observeNow(worker: ResolvedWorker): Promise<{ observed: Observed; encryptionKey: Hex }> {
  const store = openStoreHere(worker.store);
  const names = worker.models.map((model) => model.name);
  const known = await store.has(workerRef(worker));
  const record = known ? (await store.read(workerRef(worker), "worker")).record : nobody(worker);
  return {
    observed: await observeWorker(worker.network, record, names, "gone"),
    encryptionKey: record.encryptionPublicKey,
  };
}

/** Stands for keys that are not made yet: an account that nobody has used. */
const nobody = (worker: ResolvedWorker) => ({
  address: getAddress(sliceHex(keccak256(stringToHex(`nobody yet: ${worker.name}`)), 12)),
  encryptionPublicKey: "0x" as Hex,
  registeredAt: null,
  sent: [],
  generation: 0,
  leaving: false,
});

const desiredOf = (worker: ResolvedWorker, encryptionKey: Hex): Extract<Desired, { kind: "serving" }> => ({
  kind: "serving",
  generation: worker.generation,
  models: worker.models.map((model) => modelIdOf(model.name)),
  stake: worker.stake,
  encryptionKey,
  gasReserve: worker.gasReserve,
});

function checkModel(worker: ResolvedWorker, observed: Observed, name: string): void {
  const standing = observed.rules.models.find((model) => model.id === modelIdOf(name));
  if (!standing?.whitelisted) throw new ModelNotServable("LF1551", worker.network.name, name, "is not whitelisted");
  if (!standing.enabled)
    throw new ModelNotServable("LF1552", worker.network.name, name, "is whitelisted, but disabled in AIConfig");
}

/** What each of the workers has to be sent its treasury may hold, and still not what all of them have. */
function checkTreasury({ name, treasury }: ResolvedWorker, { address, balance }: Treasury, due: Wei): void {
  const key = `${treasury.store} ${treasury.ref}`;
  const workers = demands.get(key) ?? new Map<string, Wei>();
  demands.set(key, workers.set(name, due));
  const needed = addWei(...workers.values());
  if (needed > balance) throw new TreasuryTooPoor(address, balance, needed);
}

/** For a person. Pure. */
export function describePayment(payment: Exclude<FundingPlan, { do: "blocked" }>): string {
  switch (payment.do) {
    case "pay":
      return `${formatEther(payment.amount)} LCAI`;
    case "wait":
      return `nothing yet, for ${payment.because}`;
    case "nothing": {
      const [first] = payment.blockers;
      return first === undefined
        ? "0 LCAI"
        : `0 LCAI, though its reserve for gas is low (${first.code}: ${first.summary})`;
    }
  }
}

function describeMoney(worker: ResolvedWorker, observed: Observed, sends: string): string {
  const { rules } = observed;
  const stake = wantedStake(worker.stake, rules.minimumStake);
  const fees = worker.models.map(({ name }) => {
    const fee = rules.models.find((model) => model.id === modelIdOf(name))?.fee ?? null;
    return `${name} ${fee === null ? "?" : formatEther(fee)}`;
  });
  const hours = Number(rules.disputeWindow) / 3600;
  return [
    `stake ${formatEther(stake)} LCAI`,
    `treasury sends ${sends}`,
    `fee per job (LCAI): ${fees.join(", ")}`,
    `stake returns at once when idle, ${hours} h after the last job at the latest`,
  ].join(", ");
}

import { z } from "zod";
import { PassedOn } from "../../schema/errors.js";
import { aiConfigAbi } from "../../abi/ai-config.js";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { NodeSilent } from "../../lifecycle/errors.js";
import type { FundingPlan } from "../../lifecycle/fund.js";
import { isHalfUsed } from "../../lifecycle/gas.js";
import { wantedStake } from "../../lifecycle/plan-serving.js";
import { servingSchema } from "../../schema/control.js";
import { weiSchema } from "../../schema/json.js";
import { wei } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import { chainOf, openStoreHere, withRecordLock } from "../context.js";
import { implement } from "../implementation.js";
import { keyReferenceSchema, workerReferenceSchema } from "../worker-reference.js";
import { untilFormerHasLeft } from "./former-generation.js";
import { treasurySender } from "./incoming.js";
import { leave, skipDeregister } from "./leave.js";
import { observeWorker } from "./observe-worker.js";
import { nextPayment, paymentsTo } from "./payments.js";

const inputs = z.object({
  worker: workerReferenceSchema,
  treasury: keyReferenceSchema,
  stake: servingSchema.shape.stake,
  gasReserve: weiSchema,
  generation: z.number().int().positive(),
  leaving: z.boolean().default(false),
  caps: z.object({ perAction: weiSchema, perDay: weiSchema.optional(), lifetime: weiSchema }),
});
const computed = z.object({
  /** Wei, decimal. */
  sent: z.string(),
  transactions: z.array(z.object({ purpose: z.string(), hash: z.string() })),
});
type Inputs = z.infer<typeof inputs>;
type Computed = z.infer<typeof computed>;

/** Longest that a node may be behind a payment that is known to be mined (ms). */
const catchUpMs = 120_000;

/** Pays until the lifecycle sees no shortfall: once at first, and later what has been used up. A payment that is on its way already is followed, not repeated. */
async function fund(wanted: Inputs): Promise<Computed> {
  const sender = await treasurySender(wanted.treasury, wanted.worker.network);
  const end = systemClock.now() + catchUpMs;
  for (;;) {
    const next = await decide(wanted);
    switch (next.do) {
      case "nothing":
        return describe(wanted);
      case "wait":
        if (systemClock.now() >= end) throw new NodeSilent(next.because, undefined);
        await systemClock.sleep(250);
        break;
      case "blocked":
        throw new PassedOn(next.blockers[0]);
      case "pay":
        await untilFormerHasLeft(wanted.worker);
        await writeDownPayer(wanted);
        // Decided once more under the record's lock: another process may have paid while this one waited for it.
        await sender.sendDecided(async () => {
          const now = await decide(wanted);
          return now.do === "pay" ? { purpose: now.purpose, to: now.to, data: "0x", value: now.amount } : null;
        });
    }
  }
}

/** Before anything is sent: an engine that is killed while a payment is on its way may know nothing of this resource. */
async function writeDownPayer({ worker, treasury }: Inputs): Promise<void> {
  const store = openStoreHere(worker.keys.store);
  await withRecordLock(store, worker.keys.ref, async () => {
    const { record, version } = await store.read(worker.keys.ref, "worker");
    if (record.fundedFrom?.store === treasury.store && record.fundedFrom.ref === treasury.ref) return;
    await store.update(worker.keys.ref, version, { ...record, fundedFrom: treasury });
  });
}

async function decide(wanted: Inputs): Promise<FundingPlan> {
  if (wanted.leaving) return { do: "nothing", blockers: [] };
  const { worker, generation, stake, gasReserve, ...question } = wanted;
  const { network, keys } = worker;
  const { record } = await openStoreHere(keys.store).read(keys.ref, "worker");
  const encryptionKey = record.encryptionPublicKey;
  const { plan } = await nextPayment({
    ...question,
    ...{ network, asOf: "record" },
    desired: { kind: "serving", models: [], ...{ generation, stake, encryptionKey, gasReserve } },
    observed: await observeWorker(network, record, [], "standby"),
  });
  return plan;
}

/** Whether the chain shows of a worker that is registered a reason to decide anew: three questions in one request, for a preview asks this of each. */
async function mayLack({ worker, gasReserve, stake: policy }: Inputs): Promise<boolean> {
  const { client, contracts } = await chainOf(worker.network);
  const [balance, stake, minimum] = await Promise.all([
    client.getBalance({ address: worker.address }),
    client.readContract({
      address: contracts.workerRegistry,
      abi: workerRegistryAbi,
      functionName: "getWorkerStake",
      args: [worker.address],
    }),
    client.readContract({ address: contracts.aiConfig, abi: aiConfigAbi, functionName: "getMinWorkerStake" }),
  ]);
  return stake > 0n && (isHalfUsed(wei(balance), gasReserve) || stake < wantedStake(policy, wei(minimum)));
}

async function describe({ worker, treasury }: Inputs): Promise<Computed> {
  const { past, sent } = await paymentsTo(worker.address, worker.network, treasury, {});
  const mined = past.filter((payment) => payment.outcome === "mined");
  return {
    sent: mined.reduce((sum, payment) => sum + payment.amount, 0n).toString(),
    transactions: sent
      .filter((tx) => mined.some((payment) => payment.purpose === tx.purpose) && tx.outcome === "mined")
      .map(({ purpose, hash }) => ({ purpose, hash })),
  };
}

/** The money a worker is started with. Its delete is part of the net: it never ends before the worker has left. */
export const funding = implement({
  inputs,
  computed,
  identity: ["worker.address", "worker.network.chainId"],
  turnOf: ({ worker }) => worker.keys,
  create: async (wanted) => ({
    id: `${wanted.worker.network.chainId}:${wanted.worker.address}:funding`,
    computed: await fund(wanted),
  }),
  // A reserve that is half used, or a minimum that was raised; what an offence took is not sent again.
  drifted: async (_state, wanted) => (await mayLack(wanted)) && (await decide(wanted)).do !== "nothing",
  update: (wanted) => fund(wanted),
  delete: async (state) => {
    if (skipDeregister()) return;
    await leave(state.worker, 900_000);
  },
});

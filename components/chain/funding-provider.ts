import { z } from "zod";
import { planFunding } from "../../lifecycle/fund.js";
import { createStoredSender } from "../../lifecycle/stored-sender.js";
import type { Observed } from "../../lifecycle/types.js";
import { parsePurpose } from "../../lifecycle/purpose.js";
import type { RecordRef, StoredTx } from "../../keystore/store.js";
import { servingSchema } from "../../schema/control.js";
import { weiSchema } from "../../schema/json.js";
import type { Wei } from "../../schema/units.js";
import { systemClock } from "../../system/clock.js";
import { chainOf, openStoreHere, withRecordLock } from "../context.js";
import { implement } from "../implementation.js";
import { keyReferenceSchema, workerReferenceSchema } from "../worker-reference.js";
import { leave, skipDeregister } from "./leave.js";
import { observeWorker } from "./observe-worker.js";

const inputs = z.object({
  worker: workerReferenceSchema,
  treasury: keyReferenceSchema,
  stake: servingSchema.shape.stake,
  gasReserve: weiSchema,
  generation: z.number().int().positive(),
  caps: z.object({ perAction: weiSchema, lifetime: weiSchema }),
});
const computed = z.object({
  sent: z.string(),
  transactions: z.array(z.object({ purpose: z.string(), hash: z.string() })),
});
type Inputs = z.infer<typeof inputs>;

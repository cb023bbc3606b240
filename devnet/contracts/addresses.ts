import type { Address } from "../../schema/units.js";

/** Where the parts of a rehearsal network live. WorkerRegistry and FeePool are where the live networks have them (contracts reference §1). */
export const addresses = {
  workerRegistry: "0x0000000000000000000000000000000000001002",
  /** A plain account, as far as anybody can see. */
  feePool: "0x0000000000000000000000000000000000001004",
  aiConfig: "0x0000000000000000000000000000000000002001",
  jobRegistry: "0x0000000000000000000000000000000000002002",
  sessionManager: "0x0000000000000000000000000000000000002003",
  reputationRegistry: "0x0000000000000000000000000000000000002004",
} as const satisfies Record<string, Address>;
export type ContractAddresses = Readonly<Record<keyof typeof addresses, Address>>;

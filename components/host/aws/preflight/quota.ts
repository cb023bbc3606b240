/** What an account may run at a time, in vCPUs, by AWS's code for it; each with AWS's name. */
export const quotaNames = {
  "L-DB2E81BA": "Running On-Demand G and VT instances",
  "L-417A185B": "Running On-Demand P instances",
  "L-3819A6DF": "All G and VT Spot Instance Requests",
  "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
  "L-C4BD4855": "All P5 Spot Instance Requests",
} as const;
/** One of AWS's quotas for machines with GPUs. */
export type QuotaCode = keyof typeof quotaNames;

/** The quota that a machine of this type counts against; `undefined`: none of these. Pure. */
export function quotaOf(type: string, spot: boolean): QuotaCode | undefined {
  if (/^(g|gr|vt)\d/.test(type)) return spot ? "L-3819A6DF" : "L-DB2E81BA";
  if (!/^p\d/.test(type)) return undefined;
  if (!spot) return "L-417A185B";
  if (/^p5/.test(type)) return "L-C4BD4855"; // one of its own; those of G and of P on demand know no such parting
  return /^p[234]/.test(type) ? "L-7212CCBC" : undefined;
}

/** vCPUs of a type with GPUs by its size's name: four for each `x` of them. `undefined` where the name does not tell (`metal`). Pure. */
export function vcpusBySize(type: string): number | undefined {
  const [, times, size] = /\.(?:(\d*)x)?(large)$/.exec(type) ?? [];
  if (size === undefined) return undefined;
  return times === undefined ? 2 : 4 * Number(times === "" ? 1 : times);
}

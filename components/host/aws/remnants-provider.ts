import { z } from "zod";
import { implement } from "../../implementation.js";
import { tell } from "../../tell.js";
import { regionSchema } from "./args.js";
import { sweepShared } from "./shared-sweep.js";

const inputs = z.object({
  region: regionSchema,
  name: z.string().min(1),
  /** That tell this stack's things from everybody else's. */
  tags: z.record(z.string(), z.string()),
  /** What is told of the region, and so may be left of it too. */
  tells: z.object({ logs: z.boolean(), budget: z.boolean() }).default({ logs: false, budget: false }),
});

/** Made before everything that a region's machines share, and deleted after it: what is there then is a killed run's. */
export const remnants = implement({
  inputs,
  computed: z.object({}),
  identity: ["region", "name"],
  create: async ({ region, name }) => ({ id: `${region}:${name}`, computed: {} }),
  update: async () => ({}),
  delete: async ({ region, name, tags, tells }) => {
    const { swept, left } = await sweepShared(region, name, tags["lightchain:stack"] ?? "", tells);
    if (swept.length > 0)
      tell([`taken away, as an interrupted run had made it and not written down: ${swept.join(", ")}`]);
    // It costs nothing, and must not keep a stack from going.
    for (const why of left) tell([`warning: what interrupted runs may have left was not looked for: ${why}`]);
  },
});

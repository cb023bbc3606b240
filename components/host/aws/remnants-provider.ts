import { z } from "zod";
import { implement } from "../../implementation.js";
import { tell } from "../../tell.js";
import { regionSchema } from "./args.js";
import { stackTag } from "./sweep/kind.js";
import { sweepNetwork, sweepShared } from "./sweep/shared-sweep.js";

const inputs = z.object({
  region: regionSchema,
  name: z.string().min(1),
  /** That tell this stack's things from everybody else's. */
  tags: z.record(z.string(), z.string()),
  /** The network whose parts are meant; none: everything that is shared. */
  vpc: z.string().optional(),
  /** What is told of the region, and so may be left of it too. */
  tells: z.object({ logs: z.boolean(), budget: z.boolean() }).default({ logs: false, budget: false }),
});

/** Made before everything that a region's machines share, and deleted after it: what is there then is a killed run's. */
export const remnants = implement({
  inputs,
  computed: z.object({}),
  identity: ["region", "name", "vpc"],
  overlaps: true, // what is meant goes with the former one, which another one is not to hold up
  create: async ({ region, name, vpc }) => ({ id: [region, name, vpc ?? []].flat().join(":"), computed: {} }),
  update: async () => ({}),
  delete: async ({ region, name, tags, vpc, tells }) => {
    const owner = { region, name, stack: tags[stackTag] ?? "", vpc };
    const { swept, left } = await (vpc === undefined ? sweepShared(owner, tells) : sweepNetwork(owner, []));
    if (swept.length > 0)
      tell([`taken away, as an interrupted run had made it and not written down: ${swept.join(", ")}`]);
    // It costs nothing, and must not keep a stack from going.
    for (const why of left) tell([`warning: what interrupted runs may have left was not looked for: ${why}`]);
  },
});

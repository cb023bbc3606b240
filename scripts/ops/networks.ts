import { z } from "zod";
import { stackTag, type Owner } from "../../components/host/aws/sweep/kind.js";
import { sweepNetwork } from "../../components/host/aws/sweep/shared-sweep.js";
import { networkTag } from "../../components/host/aws/vpc-tag.js";
import type { StackState } from "./pending.js";

const madeSchema = z.looseObject({ id: z.string() });
const vpcSchema = z.looseObject({
  id: z.string(),
  region: z.string(),
  tags: z.looseObject({ [stackTag]: z.string(), [networkTag]: z.string() }),
});

/** The networks that a stack made for regions of AWS, and the ids of all that it knows of. Pure. */
export function networksIn({ resources }: StackState): { readonly owners: Owner[]; readonly known: string[] } {
  const owners = resources.flatMap(({ type, outputs }) => {
    const { data } = type === "Vpc" ? vpcSchema.safeParse(outputs) : {};
    if (data === undefined) return [];
    const { id: vpc, region, tags } = data;
    return [{ vpc, region, name: tags[networkTag], stack: tags[stackTag] }];
  });
  return { owners, known: resources.flatMap(({ outputs }) => madeSchema.safeParse(outputs).data?.id ?? []) };
}

/**
 * Makes room in a stack's networks: a subnet or a way out that a killed run made and did not write down keeps AWS from making the one that is meant. Only where no run works on the stack.
 */
export async function clearNetworks(state: StackState, say: (line: string) => void): Promise<void> {
  if (state.creating.length === 0) return; // no run was killed that made anything
  const { owners, known } = networksIn(state);
  for (const owner of owners) {
    const { swept, left } = await sweepNetwork(owner, known);
    if (swept.length > 0)
      say(`Taken away in ${owner.region}, as a killed run had not written it down: ${swept.join(", ")}.`);
    for (const why of left)
      say(`What a killed run may have left in the network in ${owner.region} was not looked for: ${why}`);
  }
}

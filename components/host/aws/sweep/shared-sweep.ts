import { refusalOf } from "../../ssm/refusal.js";
import { buckets } from "./bucket.js";
import { firewalls, reservations } from "./ec2.js";
import { profiles, roles } from "./iam.js";
import type { KindOf, Owner } from "./kind.js";
import { associations, gateways, looseGateways, networks, routeTables, subnets } from "./network.js";
import { budgets, logGroups } from "./told.js";
import { topics } from "./topic.js";

/*
 * What a region's machines share, as AWS has it once the stack has nothing of it any more. Each is deleted by a call that AWS refuses where the thing is used by anything:
 * a role with rights, a profile with a role, a firewall or a subnet with machines, a bucket with objects stay; a topic, which AWS would delete all the same, where somebody
 * is subscribed to it. And what was reserved for a machine that never came; one that did goes on without.
 */

/** What was taken away, and what could not be looked for. */
export interface Swept {
  readonly swept: readonly string[];
  readonly left: readonly string[];
}

/** What a region tells beside what its machines need: whoever has none of it may lack the rights to look for it. */
export interface Tells {
  readonly logs: boolean;
  readonly budget: boolean;
}

/**
 * In this order: what uses another thing goes before it. A way out that is no network's is looked for before those that are, as the provider of a killed run may be about to give it to one, and
 * after them, as one may have been taken from its network and not gone.
 */
const shared: readonly KindOf[] = [
  ...[reservations, profiles, roles, firewalls, buckets, topics],
  ...[subnets, routeTables, looseGateways, gateways, looseGateways, networks],
];
/** What is in a network: AWS makes no other subnet or way out beside one that is there, and keeps the network as long as any of it is. */
const parts: readonly KindOf[] = [firewalls, associations, subnets, routeTables, gateways];

/** What AWS says of a thing that is used. */
const isUsed = /DeleteConflict|DependencyViolation|BucketNotEmpty/;
/** What AWS says of a thing that is gone. */
const isGone = /NotFound|NoSuch/;

/** Takes away what nobody knows of any more, and nobody uses. */
export const sweepShared = (owner: Owner, { logs, budget }: Tells = { logs: false, budget: false }): Promise<Swept> =>
  sweep(owner, [...shared, ...(logs ? [logGroups] : []), ...(budget ? [budgets] : [])], []);

/** Takes away what is in a network, and the stack does not know of. @param known the ids of everything that it does know of */
export const sweepNetwork = (owner: Owner, known: readonly string[]): Promise<Swept> => sweep(owner, parts, known);

async function sweep(owner: Owner, kinds: readonly KindOf[], known: readonly string[]): Promise<Swept> {
  const [swept, left]: [string[], string[]] = [[], []];
  if (owner.stack === "") return { swept, left }; // what has no stack is nobody's to take away
  for (const kind of kinds) {
    const { action, client, found, remove } = kind(owner);
    try {
      for (const one of await found()) if (!known.includes(one) && (await removed(() => remove(one)))) swept.push(one);
    } catch (error) {
      left.push((refusalOf(error, action, owner.region) ?? (error as Error)).message);
    } finally {
      client.destroy();
    }
  }
  return { swept, left };
}

/** Whether it was this call that took the thing away. One that had to be asked again may find that its first asking did. */
export async function removed(remove: () => Promise<unknown>): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    if (error instanceof Error && isUsed.test(error.name)) return false;
    if (error instanceof Error && isGone.test(error.name)) return wasAskedAgain(error);
    throw error;
  }
}

/** As the SDK says of each error. */
const wasAskedAgain = (error: Error & { $metadata?: { attempts?: number } }): boolean =>
  (error.$metadata?.attempts ?? 1) > 1;

import { z } from "zod";
import { hostReferenceSchema, type HostReference } from "../../components/worker-reference.js";
import { NoSuchWorker, WorkerNotNamed } from "./errors.js";
import type { StackState } from "./pending.js";

/** A worker of a stack, and the host that its sidecar is on. */
export interface WorkerOnHost {
  readonly name: string;
  /** `undefined`: what the state says of it is of another version of this project. */
  readonly host: HostReference | undefined;
}

/** What a `Service` puts out (`components/service`). */
const serviceSchema = z.looseObject({ worker: z.looseObject({ name: z.string(), host: z.unknown() }) });

/** The workers of a stack that have a sidecar, by name. Pure. */
export function workersIn({ resources }: StackState): WorkerOnHost[] {
  return resources
    .filter(({ type, isOurs }) => isOurs && type === "Service")
    .map(({ name, outputs }) => {
      const { data } = serviceSchema.safeParse(outputs);
      return { name: data?.worker.name ?? name, host: hostReferenceSchema.safeParse(data?.worker.host).data };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Those that are meant: the one that is named, or all. Pure. @throws NoSuchWorker LF1609 */
export function chosen(workers: readonly WorkerOnHost[], stack: string, name: string | undefined): WorkerOnHost[] {
  const those = name === undefined ? [...workers] : workers.filter((worker) => worker.name === name);
  if (those.length > 0) return those;
  throw new NoSuchWorker(
    stack,
    name,
    workers.map((worker) => worker.name),
  );
}

/** The one that is meant: the one that is named, or the only one. Pure. @throws NoSuchWorker LF1609, WorkerNotNamed LF1610 */
export function chosenOne(workers: readonly WorkerOnHost[], stack: string, name: string | undefined): WorkerOnHost {
  const [one, ...others] = chosen(workers, stack, name);
  if (one !== undefined && others.length === 0) return one;
  throw new WorkerNotNamed(
    stack,
    workers.map((worker) => worker.name),
  );
}

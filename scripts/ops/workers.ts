import { z } from "zod";
import { hostReferenceSchema, type HostReference } from "../../components/worker-reference.js";
import { NoSuchWorker, WorkerNotNamed } from "./errors.js";
import type { StackState } from "./pending.js";

/** A worker of a stack, and the host that its sidecar is on. */
export interface WorkerOnHost {
  readonly name: string;
  readonly host: HostReference;
}

/** What a `Service` puts out (`components/service`). */
const serviceSchema = z.looseObject({ worker: z.looseObject({ name: z.string(), host: hostReferenceSchema }) });

/** The workers of a stack that have a sidecar, by name. Pure. */
export function workersIn({ resources }: StackState): WorkerOnHost[] {
  return resources
    .flatMap(({ type, outputs }) => {
      const { data } = type === "Service" ? serviceSchema.safeParse(outputs) : {};
      return data === undefined ? [] : [{ name: data.worker.name, host: data.worker.host }];
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

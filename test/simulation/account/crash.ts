import type { Journal } from "../../../sidecar/journal.js";
import type { Node } from "../../../sidecar/ports.js";
import type { Signer } from "../../../keystore/store.js";

/** Thrown into a process that is gone; nobody is left to see it. */
class Gone extends Error {}

/**
 * A life of the process: ports that work until the step at which it dies. At that step the world either sees what was done or does not; after it nothing the
 * dead code does reaches anything.
 */
export class Life {
  private steps = 0;
  private dead = false;

  /** @param diesAt number of the step before which, or after which, it dies; `null`: never */
  constructor(
    private readonly diesAt: { step: number; when: "before" | "after" } | null,
    private readonly onDeath: () => void,
  ) {}

  node(node: Node): Node {
    return this.guard(node, () => new Promise(() => undefined));
  }
  signer(signer: Signer): Signer {
    return this.guard(signer, () => new Promise(() => undefined));
  }
  journal(journal: Journal): Journal {
    return this.guard(journal, () => {
      throw new Gone();
    });
  }

  /** @param nothing what a call of the dead comes to: a promise that never ends, or an error where there can be none */
  private guard<T extends object>(port: T, nothing: () => unknown): T {
    return new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (this.dead) return nothing();
          const isLast = this.diesAt !== null && ++this.steps >= this.diesAt.step;
          const isDone = !isLast || this.diesAt.when === "after";
          const result = isDone ? (value as (...args: unknown[]) => unknown).apply(target, args) : undefined;
          if (isLast) {
            this.dead = true;
            this.onDeath();
            if (result instanceof Promise) result.catch(() => undefined);
            return nothing();
          }
          return result instanceof Promise ? this.whileAlive(result) : result;
        };
      },
    });
  }

  private whileAlive(result: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      result.then(
        (value) => (this.dead ? undefined : resolve(value)),
        (error: unknown) => (this.dead ? undefined : reject(error as Error)),
      );
    });
  }
}

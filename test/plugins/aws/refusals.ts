import type { Work } from "../engine/resource-type.js";
import { rest } from "./waiting.js";

/** As much of an SDK's client as is needed to see what it is asked and what it fails with. */
interface Client {
  readonly middlewareStack: { add(middleware: never, options: never): void };
}
type Next = (args: unknown) => Promise<unknown>;
interface AwsError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: unknown;
}

/**
 * Makes a client say of a failure what the real provider's SDK, which is another one, says: the operation, the status and AWS's own code and words. Its `name` stays AWS's code.
 * @param service as AWS calls it
 */
export function tellAsRealOne<C extends object>(service: string, client: C): C {
  const middleware =
    (next: Next, { commandName = "" }: { commandName?: string }): Next =>
    async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (error instanceof Error) error.message = wording(service, commandName.replace(/Command$/, ""), error);
        throw error;
      }
    };
  (client as Client).middlewareStack.add(
    middleware as never,
    { step: "initialize", priority: "high", name: "tell" } as never,
  );
  return client;
}

function wording(service: string, operation: string, error: AwsError): string {
  const { httpStatusCode, requestId = "" } = error.$metadata ?? {};
  const asked = `operation error ${service}: ${operation}`;
  if (httpStatusCode === undefined) return `${asked}, ${error.message}`;
  const answer = `https response error StatusCode: ${httpStatusCode}, RequestID: ${requestId}`;
  return `${asked}, ${answer}, api error ${error.name}: ${error.message}`;
}

/** Runs one step of a resource. @param what it is, as the real provider calls it: `creating EC2 Instance` */
export async function doing<T>(what: string, step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof Error) error.message = `${what}: ${error.message}`;
    throw error;
  }
}

/** Whether AWS refused with one of these codes. */
export const isRefusal = (error: unknown, codes: readonly string[]): error is Error =>
  error instanceof Error && codes.includes(error.name);

/** What is asked for; `undefined` where AWS says by one of these codes that there is none. */
export async function ifThere<T>(asked: Promise<T>, ...codes: string[]): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isRefusal(error, codes)) return undefined;
    throw error;
  }
}

/** Asks again as long as AWS refuses with what passes by itself, at most so long. */
export async function whilePassing<T>(
  ask: () => Promise<T>,
  passes: (error: Error) => boolean,
  { signal, forMs }: Pick<Work, "signal"> & { readonly forMs: number },
): Promise<T> {
  const pause = rest(signal, forMs);
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Error) || !passes(error) || !(await pause())) throw error;
    }
  }
}

import { Worker } from "node:worker_threads";
import { loadKzg } from "../../system/kzg.js";

/** To the thread. */
export interface KzgQuestion {
  readonly id: number;
  readonly blob: Uint8Array;
}
/** From the thread. */
export type KzgAnswer =
  | { readonly ready: "native" | "wasm" }
  /** No library could be loaded; the thread will never be of use. */
  | { readonly unusable: string }
  | { readonly id: number; readonly commitment: Uint8Array; readonly proof: Uint8Array }
  | { readonly id: number; readonly error: string };

/** What is asked of KZG here. */
export interface KzgThread {
  /** Resolves when the setup is loaded. @returns which library it is */
  ready(): Promise<"native" | "wasm">;
  commit(blob: Uint8Array): Promise<{ commitment: Uint8Array; proof: Uint8Array }>;
  close(): Promise<void>;
}

/** Deaths of the thread after which it is not started again. */
const mostDeaths = 5;

interface Waiting {
  readonly blob: Uint8Array;
  readonly resolve: (result: { commitment: Uint8Array; proof: Uint8Array }) => void;
  readonly reject: (error: Error) => void;
}

/**
 * KZG in a thread of its own. A thread that dies is started again, and what it was asked is asked once more; a second death on the same question rejects it.
 * @param program the compiled worker
 */
export function startKzgThread(program: string, nativeKzg?: string): KzgThread {
  const waiting = new Map<number, Waiting & { deaths: number }>();
  let next = 1;
  let closed = false;
  let deaths = 0;
  const ready = Promise.withResolvers<"native" | "wasm">();
  let worker = start();

  function start(): Worker {
    const fresh = new Worker(program, { workerData: nativeKzg === undefined ? {} : { nativeKzg } });
    fresh.on("message", (answer: KzgAnswer) => {
      if ("ready" in answer) return ready.resolve(answer.ready);
      if ("unusable" in answer) return giveUp(answer.unusable);
      const question = waiting.get(answer.id);
      waiting.delete(answer.id);
      if ("error" in answer) question?.reject(new Error(answer.error));
      else question?.resolve(answer);
    });
    fresh.on("error", () => undefined); // the exit that follows says enough
    fresh.on("exit", () => {
      if (closed) return;
      if (++deaths > mostDeaths) return giveUp("its thread keeps dying");
      worker = start();
      for (const [id, question] of waiting) {
        if (++question.deaths > 1) {
          waiting.delete(id);
          question.reject(new Error("the KZG thread died twice on this blob"));
        } else worker.postMessage({ id, blob: question.blob } satisfies KzgQuestion);
      }
    });
    return fresh;
  }

  function giveUp(why: string): void {
    closed = true;
    const error = new Error(why);
    ready.reject(error);
    for (const question of waiting.values()) question.reject(error);
    waiting.clear();
  }
  ready.promise.catch(() => undefined); // whoever asks is told

  return {
    ready: () => ready.promise,
    commit: (blob) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error("the KZG thread has ended"));
        const id = next++;
        waiting.set(id, { blob, resolve, reject, deaths: 0 });
        worker.postMessage({ id, blob } satisfies KzgQuestion);
      }),
    close: async () => {
      closed = true;
      await worker.terminate();
      for (const question of waiting.values()) question.reject(new Error("the sidecar is stopping"));
      waiting.clear();
    },
  };
}

/** KZG on the thread that asks, for tests that run from source. */
export function kzgInPlace(nativeKzg?: string): KzgThread {
  const loading = loadKzg(nativeKzg);
  return {
    ready: async () => (await loading).kind,
    commit: async (blob) => {
      const kzg = await loading;
      const commitment = kzg.commitment(blob);
      return { commitment, proof: kzg.proof(blob, commitment) };
    },
    close: async () => undefined,
  };
}

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ProofKind } from "../../protocol/blob-transaction.js";
import { systemClock } from "../../system/clock.js";
import { loadKzg } from "../../system/kzg.js";
import { work, type KzgTask } from "./tasks.js";

/** To the thread. */
export interface KzgQuestion {
  readonly id: number;
  readonly task: KzgTask;
}
/** To the thread: end, once what is being computed is done. */
export interface KzgEnd {
  readonly end: true;
}
/** From the thread. */
export type KzgAnswer =
  | { readonly ready: "native" | "wasm" }
  /** No library could be loaded; the thread will never be of use. */
  | { readonly unusable: string }
  | { readonly id: number; readonly points: readonly Uint8Array[] }
  | { readonly id: number; readonly error: string };

/** What is asked of KZG here. What comes back has 48 bytes each. */
export interface KzgThread {
  /** Resolves when the setup is loaded. @returns which library it is */
  ready(): Promise<"native" | "wasm">;
  /** Answers in the order of the questions; what is asked before the setup is loaded waits for it. */
  commit(blob: Uint8Array): Promise<Uint8Array>;
  /** The proof of a blob, or of each of its cells. */
  prove(blob: Uint8Array, commitment: Uint8Array, kind: ProofKind): Promise<readonly Uint8Array[]>;
  /** Rejects what was asked, and ends the thread. A native call is waited for: torn out of one, the library would abort the whole process. */
  close(): Promise<void>;
}

/** Longest wait for a thread that is to end (ms): one call of the native library, its setup included, takes a third of that on a slow machine. */
const endMs = 10_000;
/** Deaths in a row, without an answer in between, after which the thread is not started again. */
const mostDeaths = 5;

interface Waiting {
  readonly task: KzgTask;
  readonly resolve: (points: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
  deaths: number;
}

/**
 * KZG in a thread of its own. A thread that dies is started again, and what it was asked is asked once more; a second death on the same question rejects it.
 *
 * @param program the compiled worker: `dist/sidecar/kzg/worker.js`, or its bundle. A thread cannot run TypeScript: tests that run from source use
 *   {@link kzgInPlace}, or bundle the worker first
 * @param patienceMs how long a thread that is to end is waited for. Default 10,000
 */
export function startKzgThread(program: string, nativeKzg?: string, patienceMs = endMs): KzgThread {
  const waiting = new Map<number, Waiting>();
  const ready = Promise.withResolvers<"native" | "wasm">();
  ready.promise.catch(() => undefined); // whoever asks is told
  let next = 1;
  let ended: Error | undefined;
  let deaths = 0;
  let lastWords = "it ended by itself";
  let ending: Promise<void> | undefined;
  let worker = start();

  function start(): Worker {
    const fresh = new Worker(program, { workerData: nativeKzg === undefined ? {} : { nativeKzg } });
    fresh.on("message", hear);
    fresh.on("error", (error) => (lastWords = error instanceof Error ? error.message : String(error)));
    fresh.on("exit", restart);
    return fresh;
  }
  function hear(answer: KzgAnswer): void {
    if ("unusable" in answer) return end(new Error(answer.unusable));
    deaths = 0;
    if ("ready" in answer) return ready.resolve(answer.ready);
    const question = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("error" in answer) question?.reject(new Error(answer.error));
    else question?.resolve(answer.points);
  }
  function restart(): void {
    if (ended) return;
    if (++deaths > mostDeaths) return end(new Error(`its thread keeps dying: ${lastWords}`));
    worker = start();
    // The oldest question is what it was busy with.
    const [busyWith] = waiting.values();
    if (busyWith) busyWith.deaths++;
    for (const [id, question] of waiting) {
      if (question.deaths < 2) worker.postMessage({ id, task: question.task } satisfies KzgQuestion);
      else {
        waiting.delete(id);
        question.reject(new Error(`the KZG thread died twice on this blob: ${lastWords}`));
      }
    }
  }
  function end(why: Error): void {
    ended = why;
    ready.reject(why);
    for (const question of waiting.values()) question.reject(why);
    waiting.clear();
    ending ??= hasEnded();
  }

  async function hasEnded(): Promise<void> {
    if (worker.threadId === -1) return;
    const exit = once(worker, "exit");
    worker.postMessage({ end: true } satisfies KzgEnd);
    const over = new AbortController();
    await Promise.race([exit, systemClock.sleep(patienceMs, over.signal)]);
    over.abort();
    await worker.terminate();
  }

  const ask = (task: KzgTask): Promise<readonly Uint8Array[]> =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended);
      const id = next++;
      waiting.set(id, { task, resolve, reject, deaths: 0 });
      worker.postMessage({ id, task } satisfies KzgQuestion);
    });

  return {
    ready: () => ready.promise,
    ...questions(ask),
    close: async () => {
      end(ended ?? new Error("the sidecar is stopping"));
      await ending;
    },
  };
}

const questions = (ask: (task: KzgTask) => Promise<readonly Uint8Array[]>): Pick<KzgThread, "commit" | "prove"> => ({
  commit: async (blob) => {
    const [commitment] = await ask({ want: "commitment", blob });
    if (commitment === undefined) throw new Error("no commitment came back");
    return commitment;
  },
  prove: (blob, commitment, kind) => ask({ want: kind, blob, commitment }),
});

/** KZG on the thread that asks, for tests that run from source. */
export function kzgInPlace(nativeKzg?: string): KzgThread {
  let loading: ReturnType<typeof loadKzg> | undefined;
  const load = () => (loading ??= loadKzg(nativeKzg));
  return {
    ready: async () => (await load()).kind,
    ...questions(async (task) => work(await load(), task)),
    close: async () => undefined,
  };
}

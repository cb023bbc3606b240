import { parentPort, workerData } from "node:worker_threads";
import { loadKzg } from "../../system/kzg.js";
import { work } from "./tasks.js";
import type { KzgAnswer, KzgEnd, KzgQuestion } from "./thread.js";

/** The thread that computes: a blob keeps it busy for up to half a second, in which the sidecar's streams go on. */
const port = parentPort;
if (port !== null) {
  const loading = loadKzg((workerData as { nativeKzg?: string }).nativeKzg);
  loading.then(
    ({ kind }) => port.postMessage({ ready: kind } satisfies KzgAnswer),
    (error: unknown) => port.postMessage({ unusable: String(error) } satisfies KzgAnswer),
  );
  port.on("message", (message: KzgQuestion | KzgEnd) => {
    if ("end" in message) process.exit(); // of this thread
    const { id, task } = message;
    void loading
      .then((kzg) => port.postMessage({ id, points: work(kzg, task) } satisfies KzgAnswer))
      .catch((error: unknown) => port.postMessage({ id, error: String(error) } satisfies KzgAnswer));
  });
}

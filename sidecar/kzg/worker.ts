import { parentPort, workerData } from "node:worker_threads";
import { loadKzg } from "../../system/kzg.js";
import type { KzgAnswer, KzgQuestion } from "./thread.js";

/** The thread that computes: one blob keeps it busy for a tenth of a second, in which the sidecar's streams go on. */
const port = parentPort;
if (port !== null) {
  const loading = loadKzg((workerData as { nativeKzg?: string }).nativeKzg);
  loading.then(
    ({ kind }) => port.postMessage({ ready: kind } satisfies KzgAnswer),
    (error: unknown) => port.postMessage({ unusable: String(error) } satisfies KzgAnswer),
  );
  port.on("message", ({ id, blob }: KzgQuestion) => {
    void loading
      .then((kzg) => {
        const commitment = kzg.commitment(blob);
        port.postMessage({ id, commitment, proof: kzg.proof(blob, commitment) } satisfies KzgAnswer);
      })
      .catch((error: unknown) => port.postMessage({ id, error: String(error) } satisfies KzgAnswer));
  });
}

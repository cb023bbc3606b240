import { readFile } from "node:fs/promises";
import { z } from "zod";
import { privateKeyToAccount } from "viem/accounts";
import { createConsumer } from "../../devnet/consumer/consumer.js";
import { loadKzg } from "../../system/kzg.js";
import { accountsSchema } from "../../devnet/documents.js";
import type { Network } from "../../schema/network.js";
import type { JobId } from "../../schema/units.js";

/** An encrypted job, from the asker's side. */
export interface Asked {
  readonly jobId: JobId;
  readonly prompt: string;
  readonly answer: string;
  readonly verified: boolean;
  /** Whether the worker's own Ollama gives the same bytes when it is asked directly. */
  readonly equalsDirectCall: boolean;
}

/** Asks as a consumer who pays, shows the answer as it streams, verifies it, and closes the session. */
export async function askWorker(about: {
  network: Network;
  accountsFile: string;
  model: string;
  ollamaUrl: string;
  prompt: string;
  say: (line: string) => void;
}): Promise<Asked> {
  const { network, model, prompt, say } = about;
  const [payer] = accountsSchema.parse(JSON.parse(await readFile(about.accountsFile, "utf8"))).consumers;
  if (payer === undefined) throw new Error("the rehearsal network has no consumer");
  const consumer = await createConsumer({
    network,
    account: privateKeyToAccount(payer.privateKey),
    kzg: await loadKzg(),
  });
  const session = await consumer.requestSession(model);
  say(`  session ${session.id} with ${session.worker}`);
  say(`  asked: ${prompt}`);
  const { answer, verified, jobId } = await consumer.ask(session, prompt);
  say(`  answered: ${answer}`);
  await consumer.closeSession(session);
  const direct = await askDirectly(about.ollamaUrl, model, prompt);
  return { jobId, prompt, answer, verified: verified === "verified", equalsDirectCall: direct === answer };
}

/** The same prompt straight to Ollama, with the body that the protocol prescribes (sidecar reference §3.5), written out so that it cannot share a mistake. */
async function askDirectly(ollamaUrl: string, model: string, prompt: string): Promise<string> {
  const body = {
    model,
    prompt,
    stream: false,
    keep_alive: -1,
    options: { num_predict: 1024, temperature: 0, seed: 42 },
    think: false,
  };
  const answer = await fetch(`${ollamaUrl}/api/generate`, { method: "POST", body: JSON.stringify(body) });
  return z.looseObject({ response: z.string() }).parse(await answer.json()).response;
}

import { privateKeyToAccount } from "viem/accounts";
import { networkSchema } from "../schema/network.js";
import { runningIn } from "./background.js";
import { createConsumer } from "./consumer/consumer.js";
import { loadKzg } from "../system/kzg.js";
import { accountsSchema, filesIn, readDocument } from "./documents.js";
import { DevnetNotRunning } from "./errors.js";

/**
 * Asks a worker of the rehearsal network one question as its first consumer, and writes the answer to stdout as it comes.
 * @param model Default: the network's first
 * @throws DevnetNotRunning (LF1029), and what a consumer throws: NoClaim (LF1030) when no worker serves the model
 */
export async function askOnce(dir: string, prompt: string, model?: string): Promise<void> {
  const files = filesIn(dir);
  const running = await runningIn(dir);
  const network = await readDocument(files.network, networkSchema);
  const accounts = await readDocument(files.accounts, accountsSchema);
  const [payer] = accounts?.consumers ?? [];
  const [first] = running?.models ?? [];
  if (!network || !payer || !first) throw new DevnetNotRunning(dir);

  const consumer = await createConsumer({
    network,
    account: privateKeyToAccount(payer.privateKey),
    kzg: await loadKzg(),
  });
  const session = await consumer.requestSession(model ?? first.name);
  const write = (text: string): void => void process.stdout.write(text);
  const { answer, streamed, verified, jobId } = await consumer.ask(session, prompt, { onDelta: write });
  if (streamed !== answer) write(`${streamed === "" ? "" : "\n"}${answer}`);
  write(`\n\njob ${jobId}, answered by ${session.worker}, ${verified}\n`);
  await consumer.closeSession(session);
}

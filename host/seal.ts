import { existsSync } from "node:fs";
import type { z } from "zod";
import { openSealedForHost } from "../keystore/sealing.js";
import { FleetError } from "../schema/errors.js";
import { ensureFolder } from "../system/files.js";
import type { hostVerbs } from "../schema/host.js";
import { readDocument } from "./document.js";
import { readHostKey } from "./host-key.js";
import type { Layout } from "./layout.js";
import { keptSecret, layToRest, whyUnusable } from "./secret-at-rest.js";
import type { CredentialStore } from "./services/unit.js";

/** LF1310: a secret of a former epoch: another host was made the holder since. */
export class EpochPassed extends FleetError {
  constructor(worker: string, offered: number, held: number) {
    super("LF1310", `Worker ${worker} was sealed to this host under epoch ${held}; epoch ${offered} is over.`, {
      fix: "pulumi refresh, then pulumi up.",
    });
  }
}
/** LF1311: what was sealed does not open here. */
export class SealedForAnother extends FleetError {
  constructor(worker: string, cause: unknown) {
    super("LF1311", `The secret for worker ${worker} was not sealed for this host.`, {
      fix: "pulumi refresh, then pulumi up.",
      cause,
    });
  }
}

/** LF1345: a worker's name is another worker's on this host, whose key and journal would give way. */
export class NameTaken extends FleetError {
  constructor(worker: string, offered: string, held: string, folder: string) {
    super("LF1345", `On this host "${worker}" is worker ${held}, whose key is kept here; ${offered} is another one.`, {
      fix: `give one of them another name (worker), or another hostRoot. If ${held} is gone for good: rm -r ${folder}, then pulumi up.`,
    });
  }
}

/** LF1346: a worker serves on this host, but its journal's folder is not there: its disk is not mounted, or somebody removed it. */
export class JournalMissing extends FleetError {
  constructor(worker: string, folder: string) {
    super("LF1346", `Worker ${worker} serves on this host, but ${folder}, where its journal was, is not there.`, {
      fix: `mount its disk (findmnt -T ${folder}), then pulumi up. If the journal is gone for good: mkdir -p ${folder}, then LIGHTCHAIN_HOLDER_GONE=<host>#<epoch> pulumi up, which starts a new epoch.`,
    });
  }
}

/**
 * Keeps a sealed secret for a worker after making sure that it opens here and is not older than the one that is there. One that cannot be used any more is replaced
 * under its own epoch; another worker's never is.
 * @param credentials where secrets rest encrypted; `undefined`: as they came
 */
export async function keepSealed(
  layout: Layout,
  request: z.infer<(typeof hostVerbs)["seal"]["request"]>,
  credentials?: CredentialStore,
): Promise<{ epoch: number; changed: boolean }> {
  const place = layout.worker(request.worker);
  const held = await keptSecret(place);
  if (held !== undefined && held.address !== request.address)
    throw new NameTaken(request.worker, request.address, held.address, place.folder);
  if (held !== undefined && request.epoch < held.epoch)
    throw new EpochPassed(request.worker, request.epoch, held.epoch);
  if (held === undefined && (await isWithoutJournal(layout, request.worker)))
    throw new JournalMissing(request.worker, place.state);
  await checkOpens(layout, request);
  if (held?.epoch === request.epoch && (await whyUnusable(layout, place, held, credentials)) === undefined)
    return { epoch: held.epoch, changed: false };
  await ensureFolder(place.folder, "private");
  await layToRest(layout, place, request, credentials);
  return { epoch: request.epoch, changed: true };
}

/** Whether the document has a service whose journal's folder is not there: what is sealed would lie where a disk is to be mounted, beside an empty journal. */
async function isWithoutJournal(layout: Layout, worker: string): Promise<boolean> {
  const { workers } = await readDocument(layout.document);
  return (workers[worker]?.service ?? null) !== null && !existsSync(layout.worker(worker).state);
}

async function checkOpens(layout: Layout, request: z.infer<(typeof hostVerbs)["seal"]["request"]>): Promise<void> {
  const key = await readHostKey(layout.hostKey);
  try {
    const { host, address, epoch } = request;
    openSealedForHost(key, { host, address, epoch }, request.sealed).payload.fill(0);
  } catch (error) {
    throw new SealedForAnother(request.worker, error);
  } finally {
    key.fill(0);
  }
}

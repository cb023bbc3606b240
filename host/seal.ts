import type { z } from "zod";
import { openSealedForHost } from "../keystore/sealing.js";
import { FleetError } from "../schema/errors.js";
import { toJson } from "../schema/json.js";
import { ensureFolder, readIfPresent, writeAtomically } from "../system/files.js";
import type { hostVerbs } from "../schema/host.js";
import { readHostKey } from "./host-key.js";
import type { Layout } from "./layout.js";
import { sealedFileSchema, type SealedFile } from "./sealed-file.js";

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

/** Keeps a sealed secret for a worker after making sure that it opens here and is not older than the one that is there. */
export async function keepSealed(
  layout: Layout,
  request: z.infer<(typeof hostVerbs)["seal"]["request"]>,
): Promise<{ epoch: number; changed: boolean }> {
  const place = layout.worker(request.worker);
  const text = await readIfPresent(place.sealed);
  const held = text === undefined ? undefined : sealedFileSchema.parse(JSON.parse(text));
  if (held !== undefined && held.address === request.address && request.epoch < held.epoch)
    throw new EpochPassed(request.worker, request.epoch, held.epoch);
  await checkOpens(layout, request);
  if (held?.address === request.address && held.epoch === request.epoch) return { epoch: held.epoch, changed: false };
  await ensureFolder(place.folder, "private");
  const fresh: SealedFile = { version: 1, address: request.address, epoch: request.epoch, sealed: request.sealed };
  await writeAtomically(place.sealed, toJson(fresh), "private");
  return { epoch: request.epoch, changed: true };
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

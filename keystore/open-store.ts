import { isAbsolute } from "node:path";
import type { Clock } from "../system/clock.js";
import { UnknownStore } from "./errors.js";
import { openFileStore } from "./file-store.js";
import type { PassphraseSource } from "./kdf.js";
import { openSecretsManagerStore } from "./secrets-manager-store.js";
import { parseSecretsManagerUrl } from "./secrets-manager-url.js";
import type { SecretStore } from "./store.js";

/**
 * Opens the store that a url names. Nothing is read, written or asked for before the first use.
 * @param url `file:<absolute path>`, or `aws-sm:<region>/<prefix>`
 * @throws UnknownStore (LF1110)
 */
export function openStore(
  url: string,
  access: { readonly passphrase: PassphraseSource; readonly clock: Clock },
): SecretStore {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(url) ?? [];
  if (scheme === "file" && rest !== undefined && isAbsolute(rest) && !rest.startsWith("//"))
    return openFileStore(rest, access.passphrase, access.clock);
  const place = parseSecretsManagerUrl(url);
  if (place) return openSecretsManagerStore(place, access.clock);
  throw new UnknownStore(url);
}

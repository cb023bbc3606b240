import { readFileSync } from "node:fs";
import { networks } from "../../abi/networks.js";
import { FleetError } from "../../schema/errors.js";
import { writtenNetworkSchema, type Network } from "../../schema/network.js";

/** LF1554: a network's description cannot be read. */
export class NetworkUnreadable extends FleetError {
  constructor(what: string, cause: unknown) {
    super("LF1554", `"${what}" is neither a known network nor a readable network file.`, {
      fix: `set network to one of ${Object.keys(networks).join(", ")}, or to a network.json; for the rehearsal network: npm run devnet -- up`,
      cause,
    });
  }
}

/** A network by its name in the table, or from a `network.json`. @throws NetworkUnreadable LF1554 */
export function readNetwork(nameOrFile: string): Network {
  if (Object.hasOwn(networks, nameOrFile)) return networks[nameOrFile as keyof typeof networks];
  try {
    return writtenNetworkSchema.parse(JSON.parse(readFileSync(nameOrFile, "utf8")));
  } catch (error) {
    throw new NetworkUnreadable(nameOrFile, error);
  }
}

import type { Contracts } from "../abi/bootstrap.js";
import { modelIdOf } from "../protocol/model-id.js";
import type { Settings } from "../schema/settings.js";
import type { Address, Hex, ModelId, ModelName } from "../schema/units.js";
import type { Clock } from "../system/clock.js";
import type { Logger } from "../system/log.js";
import type { ChainTime } from "./chain-time.js";
import type { Journal } from "./journal.js";
import type { Metrics } from "./metrics/metrics.js";
import type { Ports } from "./ports.js";

/** Who this sidecar is. */
export interface Identity {
  readonly worker: Address;
  readonly host: string;
  readonly epoch: number;
  readonly refundTo: Address;
  /** Public half of the key that session keys are wrapped for: 65 bytes, uncompressed. */
  readonly encryptionKey: Hex;
  /** Hash of the bundle it runs from; `source` outside a bundle. */
  readonly bundle: string;
  /** The secret said so when it was sealed: this generation is leaving. 0: it said nothing. */
  readonly toldToLeave: number;
}

/** What every part of the sidecar is given. */
export interface Parts {
  readonly ports: Ports;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly identity: Identity;
  readonly contracts: Contracts;
  readonly clock: Clock;
  readonly time: ChainTime;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The models this sidecar is set up for, by their ids. */
export const configuredModels = (settings: Settings): ReadonlyMap<ModelId, ModelName> =>
  new Map(settings.models.map((name) => [modelIdOf(name), name]));

import type { Clock } from "../../system/clock.js";
import type { Logger } from "../../system/log.js";
import type { Faults } from "../faults.js";
import type { ChainView, GatewayChain } from "./chain-view.js";
import type { Challenges } from "./challenges.js";
import type { JobQueue } from "./job-queue.js";
import type { Relay } from "./relay.js";
import type { Tokens } from "./tokens.js";
import type { Workers } from "./workers.js";

/** What the gateway's routes and streams work with. */
export interface GatewayParts {
  readonly chain: GatewayChain;
  readonly view: ChainView;
  readonly challenges: Challenges;
  readonly tokens: Tokens;
  readonly workers: Workers;
  readonly relay: Relay;
  readonly jobs: JobQueue;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The longest request or frame that is taken, in bytes: a full answer is about 170 KB in base64. */
export const LONGEST_MESSAGE_BYTES = 1024 * 1024;

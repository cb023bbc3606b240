import { funding } from "./chain/funding-provider.js";
import { registration } from "./chain/registration-provider.js";
import { engineOf, watchEngine } from "./engine-watch.js";
import { journalDisk } from "./host/aws/journal-disk-provider.js";
import { placement } from "./host/aws/placement-provider.js";
import { remnants } from "./host/aws/remnants-provider.js";
import { dockerHost } from "./host/docker/host-provider.js";
import { host } from "./host/host-provider.js";
import { keys } from "./keys/keys-provider.js";
import { model } from "./models/model-provider.js";
import { service } from "./service/service-provider.js";

// A provider process of an engine that was killed ends when it has done what it was doing.
const engine = engineOf(process.argv);
if (engine !== undefined) void watchEngine({ engine });

/** What late providers find: the code of today behind every resource kind. */
export const implementations = {
  keys,
  host,
  dockerHost,
  placement,
  journalDisk,
  remnants,
  model,
  service,
  funding,
  registration,
};
/** Every kind of resource, by the name that state knows it by. */
export type Implementations = typeof implementations;

import { encryptionKey, minimum, refusing, small, unknownModel, usual } from "../life.js";
import { addresses } from "../../../../../devnet/contracts/addresses.js";
import { modelIdOf } from "../../../../../protocol/model-id.js";
import { lcai, who } from "../network.js";
import { type Refusal, refused } from "./refusal.js";

const { worker, rival, stranger, owner } = who;
const unlisted = modelIdOf("listed-nowhere");

/** Calls that any account may try but only a registered worker may do. */
const forWorkersOnly: Refusal[] = (
  [
    ["addSupportedModel", [usual]],
    ["removeSupportedModel", [usual]],
    ["topUpStake", []],
    ["withdrawStake", [1n]],
    ["deregisterWorker", []],
    ["reinstate", []],
    ["setCapabilities", [0n]],
  ] as const
).map(([name, args]) => [
  `${name} by an account that is no worker`,
  "WorkerNotRegistered",
  async ({ network }) => refused(network.call(stranger, "workerRegistry", name, args), stranger),
]);

const forJobRegistryOnly: Refusal[] = (
  [
    ["incrementActiveJobs", [worker, usual]],
    ["decrementActiveJobs", [worker, usual]],
    ["slash", [worker, 100n]],
    ["slashWithBounty", [worker, 100n, stranger]],
  ] as const
).map(([name, args]) => [
  `${name} by anybody but JobRegistry`,
  "NotAuthorized",
  async ({ network }) => refused(network.call(stranger, "workerRegistry", name, args), stranger),
]);

export const workerRegistryRefusals: Refusal[] = [
  ...forWorkersOnly,
  ...forJobRegistryOnly,
  [
    "registering twice",
    "WorkerAlreadyRegistered",
    async (life) => {
      await life.register();
      return refused(life.network.call(worker, "workerRegistry", "registerWorker", [encryptionKey], minimum), worker);
    },
  ],
  [
    "registering with a key of 64 bytes",
    "InvalidEncryptionKey",
    async ({ network }) =>
      refused(network.call(worker, "workerRegistry", "registerWorker", [`0x04${"07".repeat(63)}`], minimum)),
  ],
  [
    "registering with a key that does not start with 04",
    "InvalidEncryptionKey",
    async ({ network }) =>
      refused(network.call(worker, "workerRegistry", "registerWorker", [`0x03${"07".repeat(64)}`], minimum)),
  ],
  [
    "registering with too little stake",
    "InsufficientStake",
    async ({ network }) =>
      refused(network.call(worker, "workerRegistry", "registerWorker", [encryptionKey], 1n), minimum, 1n),
  ],
  [
    "adding a model that is not whitelisted",
    "ModelNotWhitelisted",
    async (life) => {
      await life.register();
      return refused(life.network.call(worker, "workerRegistry", "addSupportedModel", [unknownModel]), unknownModel);
    },
  ],
  [
    "adding a model that AIConfig does not know",
    "ModelNotRegistered",
    async (life) => {
      await life.register();
      await life.network.set("workerRegistry", "addWhitelistedModel", [unlisted]);
      return refused(life.network.call(worker, "workerRegistry", "addSupportedModel", [unlisted]), unlisted);
    },
  ],
  [
    "adding a model that AIConfig disabled",
    "ModelNotRegistered",
    async (life) => {
      await life.register();
      await life.network.set("aiConfig", "disableModel", [small]);
      return refused(life.network.call(worker, "workerRegistry", "addSupportedModel", [small]), small);
    },
  ],
  [
    "adding a model twice",
    "ModelAlreadySupported",
    async (life) => {
      await life.register();
      return refused(life.network.call(worker, "workerRegistry", "addSupportedModel", [usual]), usual);
    },
  ],
  [
    "adding a model with a stake below the minimum",
    "InsufficientStake",
    async (life) => {
      await life.register(worker, minimum, []);
      await life.network.send(worker, "workerRegistry", "withdrawStake", [1n]);
      return refused(life.network.call(worker, "workerRegistry", "addSupportedModel", [usual]), minimum, minimum - 1n);
    },
  ],
  [
    "adding a model while suspended",
    "WorkerIsSuspended",
    async (life) => {
      await life.suspended();
      const until = (await life.network.now()) + 604_800n;
      return refused(life.network.call(worker, "workerRegistry", "addSupportedModel", [small]), worker, until);
    },
  ],
  [
    "removing a model that is not served",
    "ModelNotSupported",
    async (life) => {
      await life.register();
      return refused(life.network.call(worker, "workerRegistry", "removeSupportedModel", [small]), small);
    },
  ],
  [
    "removing a model that has a job in flight",
    "ActiveJobsExistForModel",
    async (life) => {
      await life.submitted();
      return refused(life.network.call(worker, "workerRegistry", "removeSupportedModel", [usual]), worker, usual, 1);
    },
  ],
  [
    "withdrawing stake below the minimum while a model is served",
    "InsufficientStake",
    async (life) => {
      await life.register(worker, minimum + 5n);
      return refused(life.network.call(worker, "workerRegistry", "withdrawStake", [6n]), minimum, minimum - 1n);
    },
  ],
  [
    "withdrawing more stake than there is",
    "InsufficientStake",
    async (life) => {
      await life.register(worker, minimum, []);
      return refused(
        life.network.call(worker, "workerRegistry", "withdrawStake", [minimum + 1n]),
        minimum + 1n,
        minimum,
      );
    },
  ],
  [
    "withdrawing stake with a job in flight",
    "ActiveJobsExist",
    async (life) => {
      await life.submitted();
      return refused(life.network.call(worker, "workerRegistry", "withdrawStake", [0n]), worker, 1n);
    },
  ],
  [
    "leaving with a job in its dispute window",
    "ActiveJobsExist",
    async (life) => {
      await life.completed();
      return refused(life.network.call(worker, "workerRegistry", "deregisterWorker", []), worker, 1n);
    },
  ],
  [
    "leaving with a disputed job",
    "ActiveJobsExist",
    async (life) => {
      await life.disputed();
      return refused(life.network.call(worker, "workerRegistry", "deregisterWorker", []), worker, 1n);
    },
  ],
  [
    "leaving to an account that takes no value",
    "TransferFailed",
    async (life) => {
      await life.register();
      await life.network.client.setCode({ address: worker, bytecode: refusing });
      return refused(life.network.call(worker, "workerRegistry", "deregisterWorker", []));
    },
  ],
  [
    "reinstating a worker that is not suspended",
    "WorkerNotSuspended",
    async (life) => {
      await life.register();
      return refused(life.network.call(worker, "workerRegistry", "reinstate", []), worker);
    },
  ],
  [
    "reinstating one second before the cooldown ends",
    "StillSuspended",
    async (life) => {
      await life.suspended();
      const until = (await life.network.now()) + 604_800n;
      await life.network.advance(604_799);
      return refused(life.network.call(worker, "workerRegistry", "reinstate", []), worker, until);
    },
  ],
  [
    "reinstating with a stake below the minimum",
    "InsufficientStake",
    async (life) => {
      await life.suspended();
      await life.network.advance(604_800);
      const slashed = (minimum * 98n) / 100n;
      return refused(life.network.call(worker, "workerRegistry", "reinstate", []), minimum, slashed);
    },
  ],
  [
    "claiming a capability nobody registered",
    "UnknownCapabilityBits",
    async (life) => {
      await life.register();
      return refused(life.network.call(worker, "workerRegistry", "setCapabilities", [3n]), 3n);
    },
  ],
  [
    "a job for a worker that has left",
    "WorkerNotRegistered",
    async (life) => {
      const sessionId = await life.session();
      await life.network.send(worker, "workerRegistry", "deregisterWorker", []);
      const submit = life.network.call(who.user, "jobRegistry", "submitJob", [sessionId, usual], lcai("1"));
      return refused(submit, worker);
    },
  ],
  [
    "removing a model from the whitelist that is not on it",
    "ModelNotWhitelisted",
    async ({ network }) =>
      refused(network.call(owner, "workerRegistry", "removeWhitelistedModel", [unlisted]), unlisted),
  ],
  [
    "registering a capability twice",
    "CapabilityExists",
    async ({ network }) =>
      refused(network.call(owner, "workerRegistry", "registerCapability", ["self-contained"]), "self-contained"),
  ],
  [
    "emptying an empty pot of slashed funds",
    "NoSlashedFunds",
    async ({ network }) => refused(network.call(owner, "workerRegistry", "withdrawSlashedFunds", [])),
  ],
  [
    "pausing by a stranger",
    "NotGuardianOrOwner",
    async ({ network }) => refused(network.call(stranger, "workerRegistry", "pause", []), stranger),
  ],
  [
    "pausing what is paused",
    "EnforcedPause",
    async ({ network }) => {
      await network.send(who.guardian, "workerRegistry", "pause", []);
      return refused(network.call(owner, "workerRegistry", "pause", []));
    },
  ],
  [
    "unpausing what is not paused",
    "ExpectedPause",
    async ({ network }) => refused(network.call(owner, "workerRegistry", "unpause", [])),
  ],
  [
    "unpausing by the guardian",
    "OwnableUnauthorizedAccount",
    async ({ network }) => {
      await network.send(who.guardian, "workerRegistry", "pause", []);
      return refused(network.call(who.guardian, "workerRegistry", "unpause", []), who.guardian);
    },
  ],
  [
    "ending the guardian's role twice",
    "GuardianAlreadySunset",
    async ({ network }) => {
      await network.send(who.guardian, "workerRegistry", "sunsetGuardian", []);
      return refused(network.call(owner, "workerRegistry", "sunsetGuardian", []));
    },
  ],
  [
    "initialising by anybody after the first start",
    "InvalidInitialization",
    async ({ network }) => {
      const args = [rival, addresses.aiConfig, addresses.jobRegistry, rival, rival] as const;
      return refused(network.call(rival, "workerRegistry", "initialize", args));
    },
  ],
];

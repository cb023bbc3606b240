import { otherWrappedKey, small, usual, wholeClaimWindow, wrappedKey } from "../life.js";
import { lcai, who } from "../network.js";
import { type Refusal, refused } from "./refusal.js";

const { worker, rival, user, stranger, delegate } = who;

export const sessionManagerRefusals: Refusal[] = [
  [
    "requesting while sortition is off",
    "SortitionDisabled",
    async ({ network }) => {
      const expiry = (await network.now()) + 100n;
      await network.set("aiConfig", "setSortitionEnabled", [false]);
      return refused(network.call(user, "sessionManager", "requestSession", [usual, expiry]));
    },
  ],
  [
    "requesting with an expiry in the past",
    "RequestExpired",
    async ({ network }) => {
      const expiry = await network.now();
      return refused(network.call(user, "sessionManager", "requestSession", [usual, expiry]), 1n);
    },
  ],
  [
    "requiring a capability nobody registered",
    "UnknownCapabilityBits",
    async ({ network }) => {
      const args = [usual, (await network.now()) + 100n, 2n] as const;
      return refused(network.call(user, "sessionManager", "requestSessionWithCapabilities", args), 2n);
    },
  ],
  [
    "requesting for a user who did not allow it",
    "NotAuthorizedDelegate",
    async ({ network }) => {
      const args = [user, usual, (await network.now()) + 100n] as const;
      return refused(network.call(delegate, "sessionManager", "requestSessionFor", args), user, delegate);
    },
  ],
  [
    "requesting capabilities for a user who did not allow it",
    "NotAuthorizedDelegate",
    async ({ network }) => {
      const args = [user, usual, (await network.now()) + 100n, 1n] as const;
      const call = network.call(delegate, "sessionManager", "requestSessionForWithCapabilities", args);
      return refused(call, user, delegate);
    },
  ],
  [
    "claiming while sortition is off",
    "SortitionDisabled",
    async (life) => {
      await life.register();
      const reqId = await life.request();
      await life.network.set("aiConfig", "setSortitionEnabled", [false]);
      await life.network.mine(wholeClaimWindow);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]));
    },
  ],
  [
    "claiming a request that does not exist",
    "RequestNotOpen",
    async ({ network }) => refused(network.call(worker, "sessionManager", "claimSession", [99n]), 99n),
  ],
  [
    "claiming what became a session",
    "RequestNotOpen",
    async (life) => {
      await life.session();
      return refused(life.network.call(worker, "sessionManager", "claimSession", [1n]), 1n);
    },
  ],
  [
    "claiming what another worker claimed",
    "AlreadyClaimed",
    async (life) => {
      await life.register();
      await life.register(rival);
      const reqId = await life.claim(rival);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), reqId);
    },
  ],
  [
    "claiming one second after the request's expiry",
    "RequestExpired",
    async (life) => {
      await life.register();
      const reqId = await life.request(user, usual, 60n);
      const { expiry } = await life.network.read("sessionManager", "getRequest", [reqId]);
      await life.network.mine(wholeClaimWindow);
      await life.network.advance(expiry - (await life.network.now()) + 1n);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), reqId);
    },
  ],
  [
    "claiming a request of a model the worker does not serve",
    "WorkerNotEligibleForClaim",
    async (life) => {
      await life.register();
      const reqId = await life.request(user, small);
      await life.network.mine(wholeClaimWindow);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), worker);
    },
  ],
  [
    "claiming with as many active jobs as the network allows",
    "WorkerAtCapacity",
    async (life) => {
      await life.network.set("aiConfig", "setMaxConcurrentJobs", [1n]);
      await life.completed();
      const reqId = await life.request();
      await life.network.mine(wholeClaimWindow);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), worker);
    },
  ],
  [
    "claiming without a capability the request requires",
    "MissingCapabilities",
    async (life) => {
      await life.register();
      const reqId = await life.requestRequiring(1n);
      await life.network.mine(wholeClaimWindow);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), worker, 1n);
    },
  ],
  [
    "claiming before the seed exists",
    "SeedNotReady",
    async (life) => {
      await life.register();
      const reqId = await life.request();
      await life.network.mine(1);
      return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), reqId);
    },
  ],
  [
    "claiming before the draw favours the worker",
    "NotSortitionEligible",
    async (life) => {
      await life.network.set("aiConfig", "setClaimWindowBlocks", [200n]);
      await life.register();
      await life.register(rival, lcai("900000"));
      for (;;) {
        const reqId = await life.request();
        await life.network.mine(2);
        if (await life.network.read("sessionManager", "eligibleNow", [reqId, worker])) continue;
        return refused(life.network.call(worker, "sessionManager", "claimSession", [reqId]), worker);
      }
    },
  ],
  [
    "giving a key to somebody else's request",
    "NotRequestOwner",
    async (life) => {
      await life.register();
      const reqId = await life.claim();
      const args = [reqId, wrappedKey, "0x"] as const;
      return refused(life.network.call(stranger, "sessionManager", "provideSessionKey", args), reqId);
    },
  ],
  [
    "giving a key to a request of somebody else's delegator",
    "NotRequestOwner",
    async (life) => {
      await life.register();
      const reqId = await life.claim();
      await life.network.send(stranger, "jobRegistry", "setDelegateAuthorization", [delegate, true]);
      const args = [stranger, reqId, wrappedKey, "0x"] as const;
      return refused(life.network.call(delegate, "sessionManager", "provideSessionKeyFor", args), reqId);
    },
  ],
  [
    "giving a key for a user who did not allow it",
    "NotAuthorizedDelegate",
    async (life) => {
      await life.register();
      const args = [user, await life.claim(), wrappedKey, "0x"] as const;
      return refused(life.network.call(delegate, "sessionManager", "provideSessionKeyFor", args), user, delegate);
    },
  ],
  [
    "giving a key to a request nobody claimed",
    "RequestNotClaimed",
    async (life) => {
      const reqId = await life.request();
      const args = [reqId, wrappedKey, "0x"] as const;
      return refused(life.network.call(user, "sessionManager", "provideSessionKey", args), reqId);
    },
  ],
  [
    "giving a key twice",
    "RequestNotClaimed",
    async (life) => {
      await life.session();
      const args = [1n, otherWrappedKey, "0x"] as const;
      return refused(life.network.call(user, "sessionManager", "provideSessionKey", args), 1n);
    },
  ],
  [
    "giving a key after the request's expiry",
    "RequestExpired",
    async (life) => {
      await life.register();
      const reqId = await life.claim();
      await life.network.advance(3_601);
      const args = [reqId, wrappedKey, "0x"] as const;
      return refused(life.network.call(user, "sessionManager", "provideSessionKey", args), reqId);
    },
  ],
  [
    "giving a key of the wrong length",
    "InvalidSessionKey",
    async (life) => {
      await life.register();
      const args = [await life.claim(), "0xab", "0x"] as const;
      return refused(life.network.call(user, "sessionManager", "provideSessionKey", args));
    },
  ],
  [
    "giving a key for a worker that has left since",
    "WorkerNotEligible",
    async (life) => {
      await life.register();
      const args = [await life.claim(), wrappedKey, "0x"] as const;
      await life.network.send(worker, "workerRegistry", "deregisterWorker", []);
      return refused(life.network.call(user, "sessionManager", "provideSessionKey", args), worker, usual);
    },
  ],
];

import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { callControl } from "../system/control-client.js";
import { FleetError } from "../schema/errors.js";
import { hostVerbs, type HostVerb } from "../schema/host.js";
import { toJson } from "../schema/json.js";
import { systemClock } from "../system/clock.js";
import { createLogger } from "../system/log.js";
import { explained } from "./explained.js";
import { factsOf } from "./facts.js";
import { presentPublicKey } from "./host-key.js";
import { giveJournal, takeJournal } from "./journal.js";
import { layoutOf, type Layout } from "./layout.js";
import { withOwnBundle } from "./own-bundle.js";
import { preflight } from "./preflight/preflight.js";
import { proofOfDeath } from "./proof-of-death.js";
import { reconcile, revive, type Machine } from "./reconcile.js";
import { keepSealed } from "./seal.js";
import { sidecarUnitName } from "./sections/service.js";
import { whySilent } from "./sidecar-silent.js";
import { supervisorManager } from "./services/supervisor-manager.js";
import { systemdManager, systemdRules } from "./services/systemd-manager.js";
import type { ServiceManager } from "./services/unit.js";

/*
 * host <verb>: one JSON request on standard input, one JSON reply on standard output. The same program on every kind of host, whatever carries
 * its input and output there.
 */
async function main(): Promise<void> {
  const log = createLogger("host");
  let request: unknown;
  try {
    const verb = process.argv[2];
    if (verb === undefined || !Object.hasOwn(hostVerbs, verb)) throw new UnknownVerb(verb ?? "");
    request = JSON.parse(await text(process.stdin)) as unknown;
    tell(await answer(verb as HostVerb, request));
  } catch (error) {
    const told = await explained(error, rootOf(request));
    if (!(told instanceof FleetError)) log.error({ err: error }, "unexpected");
    const { code, summary, fix } = told instanceof FleetError ? told : new HostBug(error);
    tell({ error: { code, summary, fix } }, 1);
  }
}

/** Nothing that still hangs, a name that is being looked up above all, keeps this process: its answer is its end. */
const tell = (answer: unknown, exitCode = 0): void =>
  void process.stdout.write(toJson(answer), () => process.exit(exitCode));

const rootOf = (request: unknown): string => ((request ?? {}) as { root?: string }).root ?? "/";

async function answer(verb: HostVerb, request: unknown): Promise<unknown> {
  switch (verb) {
    case "facts": {
      const { root, host } = hostVerbs.facts.request.parse(request);
      const layout = layoutOf(root);
      return factsOf(host, layout, managerFor(layout));
    }
    case "preflight": {
      const { root, wants } = hostVerbs.preflight.request.parse(request);
      const layout = layoutOf(root);
      return { lines: await preflight(machineOf(layout), wants) };
    }
    case "reconcile": {
      const parsed = hostVerbs.reconcile.request.parse(request);
      const layout = layoutOf(parsed.root);
      const machine = machineOf(layout);
      const work = () => reconcile(parsed, machine);
      return parsed.desired?.kind === "service" && !parsed.dryRun
        ? withOwnBundle(layout, bundle, parsed.desired.bundle, work)
        : work();
    }
    case "seal": {
      const parsed = hostVerbs.seal.request.parse(request);
      const layout = layoutOf(parsed.root);
      return keepSealed(layout, parsed, await managerFor(layout).confinement?.credentials());
    }
    case "revive": {
      const { root, host, worker } = hostVerbs.revive.request.parse(request);
      const layout = layoutOf(root);
      return revive(worker, host, machineOf(layout));
    }
    case "giveJournal": {
      const parsed = hostVerbs.giveJournal.request.parse(request);
      return giveJournal(layoutOf(parsed.root), parsed);
    }
    case "takeJournal": {
      const parsed = hostVerbs.takeJournal.request.parse(request);
      return takeJournal(layoutOf(parsed.root), parsed);
    }
    case "answers": {
      const { url } = hostVerbs.answers.request.parse(request);
      return { ok: await isAnswered(url) };
    }
    case "control": {
      const parsed = hostVerbs.control.request.parse(request);
      const layout = layoutOf(parsed.root);
      return callControl(layout.worker(parsed.worker).state, parsed.request).catch(async (error: unknown) => {
        const status = await managerFor(layout).status(sidecarUnitName(parsed.worker));
        throw await whySilent(parsed.worker, status, layout.worker(parsed.worker).log, error);
      });
    }
    case "proofOfDeath": {
      const parsed = hostVerbs.proofOfDeath.request.parse(request);
      const layout = layoutOf(parsed.root);
      const sealKey = await presentPublicKey(layout);
      return { ...(await proofOfDeath(parsed.worker, layout, managerFor(layout), parsed.retire)), sealKey };
    }
  }
}

const isAnswered = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
    ({ ok }) => ok,
    () => false,
  );

/** The bundle that this program is part of. */
const bundle = dirname(process.argv[1] ?? "");
const machineOf = (layout: Layout): Machine => ({ layout, services: managerFor(layout), clock: systemClock, bundle });

/** The service manager of this machine, run from our bundle. */
function managerFor(layout: Layout): ServiceManager {
  const program = { node: process.execPath, file: join(bundle, "supervisor.js"), root: layout.root };
  return systemdRules()
    ? systemdManager(layout.supervisor, program)
    : supervisorManager(layout.supervisor, program, systemClock);
}

/** LF1336: a verb this version does not know. */
class UnknownVerb extends FleetError {
  constructor(verb: string) {
    super("LF1336", `${basename(process.argv[1] ?? "host")} knows no verb "${verb}".`, {
      fix: `use one of ${Object.keys(hostVerbs).join(", ")}.`,
    });
  }
}
/** LF1399: a bug in the host program. */
class HostBug extends FleetError {
  constructor(cause: unknown) {
    super("LF1399", `The host program failed: ${cause instanceof Error ? cause.message : String(cause)}.`, {
      fix: "run the same command again; if it stays, report it with the output above.",
      cause,
    });
  }
}

void main(); // last: what stands above is there by now

import { describeError, FleetError } from "../../schema/errors.js";
import { ensureBundle } from "../bundle.js";
import { installToolchain, type Need } from "./resolve.js";

/** Called by bootstrap with the command that is about to run: installs the tools that it needs. */
const needs: Readonly<Record<string, Need>> = { fleet: "engine", bundle: "kzg", test: "tests" };

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());

installToolchain(needs[process.argv[2] ?? ""] ?? "everything", stop.signal)
  .then(ensureBundle)
  .catch((error: unknown) => {
    if (stop.signal.aborted) process.exit(130);
    const text =
      error instanceof FleetError || !(error instanceof Error) ? describeError(error) : (error.stack ?? error.message);
    process.stderr.write(`${text}\n`);
    process.exit(1);
  });

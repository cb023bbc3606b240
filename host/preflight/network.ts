import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Wants } from "../../schema/host.js";
import { fail, pass, warn, type Check } from "./check.js";
import type { Answer } from "./endpoints.js";

/** Endpoints that no worker can do without. */
const needed = ["rpc", "gateway", "beacon"];

/** Whether names are found. */
export const dns: Check<readonly { name: string; trouble: string | null }[]> = {
  name: "DNS",
  probe: ({ wants }) =>
    Promise.all(
      namesIn(wants.endpoints).map(async (name) => ({
        name,
        trouble: await lookup(name).then(
          () => null,
          (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
        ),
      })),
    ),
  judge: (names) => {
    const missing = names.filter(({ trouble }) => trouble !== null);
    if (missing.length === 0) return pass(names.length === 0 ? "no name to look up" : `${names.length} names found`);
    const told = missing.map(({ name, trouble }) => `${name}: ${trouble ?? ""}`).join(", ");
    const fix = `mend the name servers (cat /etc/resolv.conf), then try: getent hosts ${missing[0]?.name ?? ""}`;
    return missing.length === names.length ? fail(`no name is found (${told})`, fix) : warn(`not found: ${told}`, fix);
  },
};

/** Hosts that are named and not numbered, each once. Pure. */
export const namesIn = (endpoints: Wants["endpoints"]): string[] => [
  ...new Set(endpoints.map(({ url }) => new URL(url).hostname).filter((name) => isIP(unbracketed(name)) === 0)),
];
const unbracketed = (name: string): string => name.replace(/^\[|\]$/g, "");

/** Whether everything that the worker will ask can be asked from here. */
export const routes: Check<readonly Answer[]> = {
  name: "network",
  probe: ({ answers }) => answers(),
  judge: (answers) => {
    const silent = answers.filter(({ trouble }) => trouble !== null);
    if (silent.length > 0) {
      const found = silent.map(({ name, url, trouble }) => `${name} (${url}): ${trouble ?? ""}`).join(", ");
      const fix = `open the way out (firewall, proxy, route), then try: curl -sS -o /dev/null -w '%{http_code}' ${silent[0]?.url ?? ""}`;
      return silent.some(({ name }) => needed.includes(name))
        ? fail(`no answer of ${found}`, fix)
        : warn(`no answer of ${found}`, fix);
    }
    const failing = answers.filter(({ status }) => status !== null && status >= 500);
    if (failing.length > 0)
      return warn(
        failing.map(({ name, status }) => `${name} answers ${status ?? ""}`).join(", "),
        "wait until it is mended there: the way to it is open.",
      );
    return pass(answers.length === 0 ? "nothing to ask" : `${answers.map(({ name }) => name).join(", ")} answer`);
  },
};

/** How far a clock may be off (ms). */
const tolerated = { should: 2_000, must: 30_000 } as const;

/** This machine's clock against those of the endpoints. Never the chain's own: on a rehearsal network time is let pass on purpose. */
export const clock: Check<readonly (number | null)[]> = {
  name: "clock",
  probe: async ({ answers }) => (await answers()).map(({ aheadMs }) => aheadMs),
  judge: (differences) => {
    const known = differences.filter((one) => one !== null);
    const fix = "timedatectl set-ntp true, or install chrony; then compare: date -u";
    if (differences.length === 0) return pass("nothing to compare it with");
    if (known.length === 0) return warn("cannot be compared: nobody told the time", fix);
    // A single server whose clock is wrong must not speak for this one: the smallest difference counts.
    const off = known.reduce((least, one) => (Math.abs(one) < Math.abs(least) ? one : least));
    const found = `${(Math.abs(off) / 1_000).toFixed(1)} s ${off < 0 ? "behind" : "ahead"}`;
    if (Math.abs(off) > tolerated.must) return fail(found, fix);
    return Math.abs(off) > tolerated.should ? warn(found, fix) : pass("in step");
  },
};

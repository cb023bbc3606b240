import { InstanceSilent } from "../../host/ssm/errors.js";
import { shellOn } from "../../host/ssm/shell.js";
import type { Check } from "./check.js";

/**
 * Whether we may send commands to the instance, and whether it takes them. One that takes none is only warned of: it may be booting, and an `up` waits for it before
 * anything is paid. Missing credentials or permissions are an error.
 */
export const ssmChecks: readonly Check[] = [
  {
    name: "the way to the instance",
    tells: "warning",
    run: async ({ host }) => {
      if (!("ssm" in host)) return undefined;
      const shell = shellOn(host.ssm);
      try {
        await shell.run({ words: ["true"], waitMs: 0 });
        return undefined;
      } catch (error) {
        if (!(error instanceof InstanceSilent)) throw error;
        return `${error.message} (pulumi up waits ${Math.round(host.ssm.bootMs / 1_000)} s for it)`;
      } finally {
        shell.close(); // or it would keep the program from ending for a while
      }
    },
  },
];

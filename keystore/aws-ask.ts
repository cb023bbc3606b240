import { awsFailure, type Asked } from "./aws-failure.js";
import { codeOf } from "./aws-trouble.js";

/** How every client of the store asks: patiently where AWS wants that, and never longer than a person waits. */
export const clientSettings = {
  retryMode: "adaptive",
  maxAttempts: 6,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000 },
} as const;

/** Tags by their names. */
export type Tags = Readonly<Record<string, string>>;

/** Runs one call. A failure that `expected` names is an answer. @throws what `awsFailure` makes of any other */
export async function asking<T, E extends string>(
  asked: Asked,
  expected: readonly E[],
  call: () => Promise<T>,
): Promise<T | E> {
  try {
    return await call();
  } catch (error) {
    const code = expected.find((one) => one === codeOf(error));
    if (code !== undefined) return code;
    throw awsFailure(error, asked);
  }
}

/** One client a region: what it learned of AWS's rate, and its credentials, are of use to every store there. */
export function onePerRegion<Client>(): (region: string, make: () => Client) => Client {
  const clients = new Map<string, Client>();
  return (region, make) => {
    const client = clients.get(region) ?? make();
    clients.set(region, client);
    return client;
  };
}

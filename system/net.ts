import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Ports that no system gives out by itself: Linux begins at 32768, others at 49152. */
const [firstPort, afterPorts] = [15_000, 32_768];

/**
 * A TCP port on loopback that nobody listens on right now, and that the system gives to nobody's outgoing connection before it is used: those come from a range of their own.
 * @throws Error when a hundred of them were taken
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(firstPort, afterPorts);
    if (!(await isPortTaken(port))) return port;
  }
  throw new Error(`no port was free between ${firstPort} and ${afterPorts}`);
}

/** Whether somebody listens on this loopback port. */
export function isPortTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(true));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(false)));
  });
}

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a port that can be cut, as a cable can. */
export interface Cable {
  readonly port: number;
  /** Cuts every connection once this many bytes have gone to the server (default: now), and lets nobody through until it is mended. */
  cut(afterBytes?: number): void;
  mend(): void;
  close(): Promise<void>;
}

/** Lays one to a loopback port. */
export async function layCable(to: number): Promise<Cable> {
  const ends = new Set<Socket>();
  let left = Infinity;
  const cut = (): void => {
    left = 0;
    for (const end of ends) end.destroy();
    ends.clear();
  };
  const server = createServer((near) => {
    if (left <= 0) return near.destroy();
    const far = connect(to, "127.0.0.1");
    for (const end of [near, far]) {
      ends.add(end);
      end.on("error", () => undefined);
      end.once("close", () => {
        ends.delete(end);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (part) => {
      left -= part.length;
      if (left <= 0) cut();
      else far.write(part);
    });
    far.pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut: (afterBytes = 0) => {
      left = afterBytes;
      if (afterBytes === 0) cut();
    },
    mend: () => void (left = Infinity),
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { isErrno } from "../system/files.js";
import { PortTaken } from "./errors.js";

/** A Hono app that is being served on 127.0.0.1. */
export interface LoopbackServer {
  readonly port: number;
  /** Node's own server, for upgrades to WebSocket. */
  readonly server: Server;
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>;
}

/**
 * Serves an app on 127.0.0.1.
 * @param part whose app it is, for the error
 * @param port Default: one that is free
 * @throws PortTaken (LF1021)
 */
export async function serveOnLoopback(app: Pick<Hono, "fetch">, part: string, port = 0): Promise<LoopbackServer> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(isErrno(error, "EADDRINUSE") ? new PortTaken(port, part, error) : error));
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was assigned");
  return {
    port: address.port,
    server,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import { createServer } from "node:http";
import type { Registry } from "prom-client";
import type { Logger } from "../../system/log.js";

/** A running metrics server. */
export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `/metrics` and `/healthz` (alive, nothing more) on loopback. A port that cannot be had is logged and not fatal: a worker without metrics still
 * earns (sidecar reference §8).
 */
export function startMetricsServer(registry: Registry, port: number, log: Logger): Promise<MetricsServer | undefined> {
  const server = createServer((request, response) => {
    if (request.url === "/healthz") return void response.end("ok");
    if (request.url !== "/metrics") return void response.writeHead(404).end();
    void registry.metrics().then(
      (text) => response.setHeader("content-type", registry.contentType).end(text),
      () => response.writeHead(500).end(),
    );
  });
  return new Promise((resolve) => {
    server.once("error", (error) => {
      log.error({ err: error, port }, "metrics are not served");
      resolve(undefined);
    });
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve({
        port: typeof address === "object" && address !== null ? address.port : port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

import type { Network } from "../../schema/network.js";
import type { Endpoint } from "../host/runtime-args.js";

/** Where Ollama pulls from unless a network has its own registry. */
const publicRegistry = "https://registry.ollama.ai/v2/";

/** What a worker of a network asks from its host: its node, its gateway, the beacon node, and where its models are pulled from. Pure. */
export function endpointsOf({ endpoints }: Network): Endpoint[] {
  const { rpc, ws, beacon, gateway, modelRegistry = publicRegistry } = endpoints;
  return [
    { name: "rpc", url: rpc },
    ...(ws === undefined ? [] : [{ name: "ws", url: ws }]),
    { name: "beacon", url: beacon },
    { name: "gateway", url: gateway },
    { name: "registry", url: modelRegistry },
  ];
}

/** The TCP ports of endpoints. Pure. */
export const portsOf = (endpoints: readonly Endpoint[]): number[] => [
  ...new Set(
    endpoints.map(({ url }) => {
      const { port, protocol } = new URL(url);
      return port === "" ? (/^(https|wss):$/.test(protocol) ? 443 : 80) : Number(port);
    }),
  ),
];

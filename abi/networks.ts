import type { Network } from "../schema/network.js";

/**
 * The public Lightchain networks. Only `workerRegistry` is needed; the other contract addresses are pins that are compared with the chain's own
 * answer (`abi/bootstrap.ts`). Source: contracts reference §1.
 */
export const networks = {
  testnet: {
    name: "testnet",
    chainId: 8200,
    endpoints: {
      rpc: "https://rpc.testnet.lightchain.ai",
      beacon: "https://beacon.testnet.lightchain.ai",
      gateway: "https://worker-gateway.testnet.lightchain.ai",
      relay: "wss://relay.testnet.lightchain.ai/ws",
      explorer: "https://testnet.lightscan.app",
    },
    contracts: {
      workerRegistry: "0x0000000000000000000000000000000000001002",
      jobRegistry: "0x531b3A87c5D785441B9cF55b98169F20FD9056a7",
      aiConfig: "0xeCF4Ca5Ba6D97ae586993e170764a1E92231b67e",
      sessionManager: "0x86AdA80864e87dE2275200FeE905b5C32b32Bf68",
    },
  },
  mainnet: {
    name: "mainnet",
    chainId: 9200,
    endpoints: {
      rpc: "https://rpc.mainnet.lightchain.ai",
      beacon: "https://beacon.mainnet.lightchain.ai",
      gateway: "https://worker-gateway.mainnet.lightchain.ai",
      // Unconfirmed: named by clients, never seen answering. Workers do not use it.
      relay: "wss://relay.mainnet.lightchain.ai/ws",
      explorer: "https://mainnet.lightscan.app",
    },
    contracts: {
      workerRegistry: "0x0000000000000000000000000000000000001002",
      jobRegistry: "0xfB15F90298e4CcD7106E76fFB5e520315cC42B0b",
      aiConfig: "0x24D11533C354092ed6E18b964257819cE78Ce77D",
      // No SessionManager pin: mainnet was in dispatcher mode when last seen (2026-07-21); sortition there is unconfirmed.
    },
  },
} as const satisfies Record<string, Network>;

/** The name of a public network. */
export type NetworkName = keyof typeof networks;

/** The public network of this name, or `undefined`: an unknown name may be a devnet or a network of one's own, so it is for the caller to say. */
export function networkNamed(name: string): Network | undefined {
  return Object.hasOwn(networks, name) ? networks[name as NetworkName] : undefined;
}

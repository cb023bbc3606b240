import type { LocalAccount } from "viem";
import type { Address, Hex, ModelId, SessionId } from "../../schema/units.js";

/** What the dispatcher vouches for: a worker for a new session, or another key for one that exists. */
export interface SignedTerms {
  /** Who may use the signature. */
  readonly user: Address;
  readonly subject: { readonly modelId: ModelId } | { readonly sessionId: SessionId };
  readonly worker: Address;
  readonly encWorkerKey: Hex;
  readonly encDisputerKey: Hex;
  /** JobRegistry's `nonce(user)`; used up by the signature. */
  readonly nonce: bigint;
  /** Last second of block time at which it is good. */
  readonly expiry: bigint;
}

const common = (subject: { readonly name: string; readonly type: string }) => [
  { name: "user", type: "address" },
  subject,
  { name: "worker", type: "address" },
  { name: "encWorkerKey", type: "bytes" },
  { name: "encDisputerKey", type: "bytes" },
  { name: "nonce", type: "uint256" },
  { name: "expiry", type: "uint256" },
];

/** Signs terms as the rehearsal network's JobRegistry checks them (EIP-712; `devnet/contracts/src/Sessions.sol`). The live layout is not public. */
export function signTerms(
  dispatcher: LocalAccount,
  chain: { readonly chainId: number; readonly jobRegistry: Address },
  { subject, ...terms }: SignedTerms,
): Promise<Hex> {
  const isNew = "modelId" in subject;
  const primaryType = isNew ? "CreateSession" : "UpdateSessionKey";
  const field = isNew ? { name: "modelId", type: "bytes32" } : { name: "sessionId", type: "uint256" };
  return dispatcher.signTypedData({
    domain: {
      name: "LightChain JobRegistry",
      version: "1",
      chainId: chain.chainId,
      verifyingContract: chain.jobRegistry,
    },
    types: { [primaryType]: common(field) },
    primaryType,
    message: { ...terms, ...subject },
  });
}

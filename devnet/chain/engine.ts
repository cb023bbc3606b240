import { createHash } from "node:crypto";
import { SignJWT } from "jose";
import type { Address, Hex } from "../../schema/units.js";
import { ConsensusRefused } from "../errors.js";
import type { Fork } from "./genesis.js";
import { connectRpc } from "./rpc.js";

/** A block as the Engine API hands it over (execution-apis, `ExecutionPayloadV3`). Numbers are hex quantities. */
export interface ExecutionPayload {
  readonly parentHash: Hex;
  readonly feeRecipient: Address;
  readonly stateRoot: Hex;
  readonly receiptsRoot: Hex;
  readonly logsBloom: Hex;
  readonly prevRandao: Hex;
  readonly blockNumber: Hex;
  readonly gasLimit: Hex;
  readonly gasUsed: Hex;
  readonly timestamp: Hex;
  readonly extraData: Hex;
  readonly baseFeePerGas: Hex;
  readonly blockHash: Hex;
  /** Signed transactions, without sidecars. */
  readonly transactions: readonly Hex[];
  readonly withdrawals: readonly unknown[];
  readonly blobGasUsed: Hex;
  readonly excessBlobGas: Hex;
}

/** The blobs of a block; lists of the same order and, before Osaka, the same length: then each blob has 128 proofs, one after the other. */
export interface BlobsBundle {
  readonly blobs: readonly Hex[];
  readonly commitments: readonly Hex[];
  readonly proofs: readonly Hex[];
}

/** What geth built. */
export interface BuiltBlock {
  readonly executionPayload: ExecutionPayload;
  readonly blobsBundle: BlobsBundle;
  readonly executionRequests: readonly Hex[] | null;
}

/** A block that can be given to a node: what its header says is not in the payload comes beside it. */
export interface ImportableBlock {
  readonly payload: ExecutionPayload;
  readonly versionedHashes: readonly Hex[];
  readonly parentBeaconRoot: Hex;
  readonly executionRequests: readonly Hex[];
}

/** What a block to build shall look like. */
export interface BlockAttributes {
  /** Unix seconds; later than the parent's. */
  readonly timestamp: number;
  readonly prevRandao: Hex;
  readonly feeRecipient: Address;
  /** Root of the beacon block before; the new header carries it (EIP-4788). */
  readonly parentBeaconRoot: Hex;
}

/** Which block is the head, and which one can no longer be undone. */
export interface ForkChoice {
  readonly head: Hex;
  readonly finalized: Hex;
}

/** A block that geth is building. */
export interface Building {
  readonly id: Hex;
  readonly fork: Fork;
}

/** The Engine API of one geth. Every method throws {@link ConsensusRefused} (LF1023) when geth does not call the outcome valid. */
export interface Engine {
  /** Makes a block the head. */
  choose(choice: ForkChoice): Promise<void>;
  /** Begins to build a block on the head. @returns what {@link finishBlock} takes */
  startBlock(choice: ForkChoice, attributes: BlockAttributes): Promise<Building>;
  /** The block as far as it is built; ends the building. */
  finishBlock(building: Building): Promise<BuiltBlock>;
  /** Executes and stores a block. */
  importBlock(block: ImportableBlock): Promise<void>;
}

/** The one method among those used that changes its version with the fork: blobs come with one proof each, then with those of their cells. */
const getPayload: Record<Fork, string> = { prague: "engine_getPayloadV4", osaka: "engine_getPayloadV5" };

interface PayloadStatus {
  readonly status: string;
  readonly validationError: string | null;
}

/**
 * @param node `engineUrl` and the secret its tokens are signed with (HS256)
 * @param forkOf the rules of a block of a time (Unix seconds)
 */
export function connectEngine(
  node: { engineUrl: string; jwtSecret: Uint8Array },
  forkOf: (timestamp: number) => Fork,
): Engine {
  const rpc = connectRpc(node.engineUrl, async () => {
    const token = await new SignJWT({}).setProtectedHeader({ alg: "HS256" }).setIssuedAt().sign(node.jwtSecret);
    return { authorization: `Bearer ${token}` };
  });
  const forkchoice = async (choice: ForkChoice, attributes: object | null): Promise<Hex | null> => {
    const state = { headBlockHash: choice.head, safeBlockHash: choice.finalized, finalizedBlockHash: choice.finalized };
    const answer = await rpc<{ payloadStatus: PayloadStatus; payloadId: Hex | null }>("engine_forkchoiceUpdatedV3", [
      state,
      attributes,
    ]);
    if (answer.payloadStatus.status !== "VALID") throw new ConsensusRefused(`the head ${choice.head}`, answer);
    return answer.payloadId;
  };
  return {
    choose: async (choice) => {
      await forkchoice(choice, null);
    },
    startBlock: async (choice, attributes) => {
      const id = await forkchoice(choice, {
        timestamp: `0x${attributes.timestamp.toString(16)}`,
        prevRandao: attributes.prevRandao,
        suggestedFeeRecipient: attributes.feeRecipient,
        withdrawals: [],
        parentBeaconBlockRoot: attributes.parentBeaconRoot,
      });
      if (id === null) throw new ConsensusRefused("to build a block", choice);
      return { id, fork: forkOf(attributes.timestamp) };
    },
    finishBlock: ({ id, fork }) => rpc<BuiltBlock>(getPayload[fork], [id]),
    importBlock: async ({ payload, versionedHashes, parentBeaconRoot, executionRequests }) => {
      const answer = await rpc<PayloadStatus>("engine_newPayloadV4", [
        payload,
        versionedHashes,
        parentBeaconRoot,
        executionRequests,
      ]);
      if (answer.status !== "VALID") throw new ConsensusRefused(`block ${Number(payload.blockNumber)}`, answer);
    },
  };
}

/** A built block with what is needed to import it. */
export const importable = (built: BuiltBlock, parentBeaconRoot: Hex): ImportableBlock => ({
  payload: built.executionPayload,
  versionedHashes: built.blobsBundle.commitments.map(versionedHashOf),
  parentBeaconRoot,
  executionRequests: built.executionRequests ?? [],
});

/** `01 ‖ sha256(commitment)[1..]` (EIP-4844). */
function versionedHashOf(commitment: Hex): Hex {
  const hash = createHash("sha256").update(commitment.slice(2), "hex").digest();
  hash[0] = 1;
  return `0x${hash.toString("hex")}`;
}

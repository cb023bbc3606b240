import { createHash } from "node:crypto";
import type { Hex } from "../../schema/units.js";

/** A beacon block's header (consensus-specs, `BeaconBlockHeader`). */
export interface BeaconHeader {
  readonly slot: number;
  readonly proposerIndex: number;
  readonly parentRoot: Hex;
  readonly stateRoot: Hex;
  readonly bodyRoot: Hex;
}

/**
 * The header's SSZ hash tree root: the identity of the beacon block. Five leaves of 32 bytes, padded with zeros to eight, hashed in pairs.
 */
export function headerRoot(header: BeaconHeader): Hex {
  const leaves = [
    littleEndian(header.slot),
    littleEndian(header.proposerIndex),
    ...[header.parentRoot, header.stateRoot, header.bodyRoot].map((root) => Buffer.from(root.slice(2), "hex")),
    ...Array.from({ length: 3 }, () => Buffer.alloc(32)),
  ];
  return `0x${merkle(leaves).toString("hex")}`;
}

function littleEndian(value: number): Buffer {
  const leaf = Buffer.alloc(32);
  leaf.writeBigUInt64LE(BigInt(value));
  return leaf;
}

/** @param nodes a power of two of them */
function merkle(nodes: readonly Buffer[]): Buffer {
  const [first, second] = nodes;
  if (first === undefined) throw new RangeError("a tree has at least one leaf");
  if (second === undefined) return first;
  const half = nodes.length / 2;
  return createHash("sha256")
    .update(merkle(nodes.slice(0, half)))
    .update(merkle(nodes.slice(half)))
    .digest();
}

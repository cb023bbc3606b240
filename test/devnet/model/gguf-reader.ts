import type { Matrix } from "../../../devnet/model/gguf.js";

/** What a GGUF file says, read by the specification's words and not by the writer's code. */
export interface GgufFile {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly tensors: ReadonlyMap<string, Matrix & { readonly offset: number; readonly dimensions: readonly number[] }>;
}

export function readGguf(file: Buffer): GgufFile {
  let at = 0;
  const bytes = (length: number) => file.subarray(at, (at += length));
  const uint32 = () => bytes(4).readUInt32LE();
  const uint64 = () => Number(bytes(8).readBigUInt64LE());
  const text = () => bytes(uint64()).toString("utf8");
  const value = (type: number): unknown => {
    switch (type) {
      case 4:
        return uint32();
      case 5:
        return bytes(4).readInt32LE();
      case 6:
        return bytes(4).readFloatLE();
      case 8:
        return text();
      case 9: {
        const of = uint32();
        return Array.from({ length: uint64() }, () => value(of));
      }
      default:
        throw new Error(`unexpected value type ${type}`);
    }
  };
  if (bytes(4).toString() !== "GGUF") throw new Error("no magic");
  const version = uint32();
  const tensorCount = uint64();
  const metadata = new Map(Array.from({ length: uint64() }, () => [text(), value(uint32())] as const));
  const infos = Array.from({ length: tensorCount }, () => {
    const name = text();
    const dimensions = Array.from({ length: uint32() }, uint64);
    if (uint32() !== 0) throw new Error(`${name} is not float32`);
    return { name, dimensions, offset: uint64() };
  });
  const dataStart = Math.ceil(at / 32) * 32;
  const tensors = new Map(
    infos.map(({ name, dimensions, offset }) => {
      const [columns = 0, rows = 1] = dimensions;
      const start = dataStart + offset;
      const values = Float32Array.from({ length: rows * columns }, (_, i) => file.readFloatLE(start + 4 * i));
      return [name, { rows, columns, values, offset, dimensions }] as const;
    }),
  );
  return { version, metadata, tensors };
}

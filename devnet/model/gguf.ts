/** A metadata value with its GGUF type. Integers are unsigned 32-bit; that is all a small model needs. */
export type GgufValue =
  | { readonly type: "uint32"; readonly value: number }
  | { readonly type: "float32"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "float32s"; readonly value: readonly number[] }
  | { readonly type: "int32s"; readonly value: readonly number[] };

/**
 * A dense float32 matrix of `rows` x `columns`, row after row. A vector has one row. In a GGUF file the fastest dimension comes first, so a
 * matrix is written with dimensions `[columns, rows]`.
 */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** What goes into a GGUF file, in this order. */
export interface GgufModel {
  readonly metadata: readonly (readonly [key: string, value: GgufValue])[];
  readonly tensors: readonly (readonly [name: string, matrix: Matrix])[];
}

/** A matrix of zeros. */
export const zeros = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  values: new Float32Array(rows * columns),
});

/** A vector of ones, as a norm without effect has it. */
export const ones = (length: number): Matrix => ({
  rows: 1,
  columns: length,
  values: new Float32Array(length).fill(1),
});

/** Sets one cell of a matrix. @throws RangeError outside it */
export function setCell(matrix: Matrix, row: number, column: number, value: number): void {
  if (row < 0 || row >= matrix.rows || column < 0 || column >= matrix.columns)
    throw new RangeError(`no cell ${row},${column} in a matrix of ${matrix.rows} x ${matrix.columns}`);
  matrix.values[row * matrix.columns + column] = value;
}

/**
 * The bytes of a GGUF file of version 3, little-endian, every tensor as float32 on a 32-byte boundary. The same model gives the same bytes.
 * Source: the GGUF specification of the ggml project.
 */
export function writeGguf(model: GgufModel): Buffer {
  const offsets = tensorOffsets(model.tensors.map(([, matrix]) => matrix));
  const header = padded(
    Buffer.concat([
      Buffer.from("GGUF"),
      uint32(3),
      uint64(model.tensors.length),
      uint64(model.metadata.length),
      ...model.metadata.map(([key, value]) => Buffer.concat([text(key), typedValue(value)])),
      ...model.tensors.map(([name, matrix], index) => tensorInfo(name, matrix, offsets[index] ?? 0)),
    ]),
  );
  return Buffer.concat([header, ...model.tensors.map(([, matrix]) => padded(float32s(matrix.values)))]);
}

/** Every part of a GGUF file that must be aligned is aligned to this many bytes. */
const ALIGNMENT = 32;
const TENSOR_FLOAT32 = 0;
const valueTypes = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 } as const;

function tensorOffsets(matrices: readonly Matrix[]): number[] {
  let next = 0;
  return matrices.map((matrix) => {
    const offset = next;
    next += roundUp(matrix.values.length * 4);
    return offset;
  });
}

function tensorInfo(name: string, matrix: Matrix, offset: number): Buffer {
  const dimensions = matrix.rows === 1 ? [matrix.columns] : [matrix.columns, matrix.rows];
  return Buffer.concat([
    text(name),
    uint32(dimensions.length),
    ...dimensions.map(uint64),
    uint32(TENSOR_FLOAT32),
    uint64(offset),
  ]);
}

function typedValue(value: GgufValue): Buffer {
  switch (value.type) {
    case "uint32":
      return Buffer.concat([uint32(valueTypes.uint32), uint32(value.value)]);
    case "float32":
      return Buffer.concat([uint32(valueTypes.float32), float32s([value.value])]);
    case "string":
      return Buffer.concat([uint32(valueTypes.string), text(value.value)]);
    case "strings":
      return array(valueTypes.string, value.value.length, Buffer.concat(value.value.map(text)));
    case "float32s":
      return array(valueTypes.float32, value.value.length, float32s(value.value));
    case "int32s":
      return array(valueTypes.int32, value.value.length, Buffer.concat(value.value.map(int32)));
  }
}

const array = (elementType: number, length: number, elements: Buffer): Buffer =>
  Buffer.concat([uint32(valueTypes.array), uint32(elementType), uint64(length), elements]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32s(values: Iterable<number> & { readonly length: number }): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  let offset = 0;
  for (const value of values) offset = bytes.writeFloatLE(value, offset);
  return bytes;
}

const roundUp = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(roundUp(bytes.length) - bytes.length)]);

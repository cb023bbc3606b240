import { z } from "zod";

/** Some of a machine's NVIDIA GPUs, by the indexes or by the UUIDs that `nvidia-smi -L` shows; none named: all of them. The driver takes no mixture of the two. */
export const gpuIdsSchema = z
  .array(
    z
      .string()
      .regex(
        /^(0|[1-9][0-9]{0,2}|GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
        'is no index such as "0" and no UUID such as "GPU-5ebe9f43-…", as nvidia-smi -L shows them',
      ),
  )
  .refine((ids) => new Set(ids).size === ids.length, "names a GPU twice")
  .refine(
    (ids) => new Set(ids.map((id) => id.startsWith("GPU-"))).size < 2,
    "names GPUs by index and by UUID: not both",
  );

/** The same as a person writes it: none named is no way to say all. */
export const someGpusSchema = gpuIdsSchema.min(1, "names no GPU: leave it out for all of them");
/** What is written beside `gpu: "none"`. */
export const noGpusSchema = z.never('has no meaning beside gpu: "none"');

/**
 * What makes an Ollama see these GPUs alone, as environment variables. By itself CUDA counts the fastest GPU first, but `nvidia-smi`, from which an index is taken, by the bus.
 * Pure.
 */
export const visibleGpus = (ids: readonly string[]): Record<string, string> =>
  ids.length === 0 ? {} : { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: ids.join(",") };

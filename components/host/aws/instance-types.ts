/** A kind of machine with GPUs, as AWS rents it. */
export interface GpuInstanceType {
  readonly name: string;
  readonly architecture: "x64" | "arm64";
  readonly gpu: string;
  readonly gpus: number;
  /** Of all its GPUs together. */
  readonly vramMib: number;
  readonly vcpus: number;
  readonly ramGib: number;
  /** Disks that are lost when the machine stops; 0: none. */
  readonly nvmeGb: number;
  /** On demand, Linux, us-east-1. */
  readonly usdPerHour: number;
}

/**
 * Where the figures are from: sizes as AWS's API gives them, in Karpenter's reference of instance types; prices in its table of that day
 * (`zz_generated.pricing_aws.go`). Other regions cost more or less, and prices change: they are for comparing. Left out: g6f (parts of an L4).
 *
 * GPU memory is what AWS names, or what the driver is known to show where that is less (T4, T4G, H100, RTX PRO 6000): ECC and the driver take the rest.
 */
export const pricesOf = { date: "2026-07-20", region: "us-east-1", source: "karpenter-provider-aws" } as const;

/** Types worth considering for inference: of each GPU the smallest machine, a larger one where it helps. Sources: {@link pricesOf}. */
export const gpuInstanceTypes: readonly GpuInstanceType[] = [
  type("g5g.xlarge", "arm64", [1, "T4G", 15_360], [4, 8, 0], 0.42),
  type("g4dn.xlarge", "x64", [1, "T4", 15_360], [4, 16, 125], 0.526),
  type("g6.xlarge", "x64", [1, "L4", 22_888], [4, 16, 250], 0.805),
  type("g6.2xlarge", "x64", [1, "L4", 22_888], [8, 32, 450], 0.978),
  type("g5.xlarge", "x64", [1, "A10G", 22_888], [4, 16, 250], 1.006),
  type("g6e.xlarge", "x64", [1, "L40S", 45_776], [4, 32, 250], 1.861),
  type("g7e.2xlarge", "x64", [1, "RTX PRO 6000", 97_887], [8, 64, 1900], 3.363),
  type("g6.12xlarge", "x64", [4, "L4", 91_552], [48, 192, 3760], 4.602),
  type("g5.12xlarge", "x64", [4, "A10G", 91_552], [48, 192, 3800], 5.672),
  type("p5.4xlarge", "x64", [1, "H100", 81_559], [16, 256, 3800], 6.88),
];

function type(
  name: string,
  architecture: GpuInstanceType["architecture"],
  [gpus, gpu, vramMib]: readonly [number, string, number],
  [vcpus, ramGib, nvmeGb]: readonly [number, number, number],
  usdPerHour: number,
): GpuInstanceType {
  return { name, architecture, gpu, gpus, vramMib, vcpus, ramGib, nvmeGb, usdPerHour };
}

/** What a type costs when it runs all month: 730 hours. Pure. */
export const usdPerMonth = ({ usdPerHour }: GpuInstanceType): number => Math.round(usdPerHour * 730);

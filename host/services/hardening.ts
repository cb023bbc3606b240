import { impossible } from "../../schema/errors.js";
import type { Unit } from "./unit.js";

/** What a sandboxed unit's process may do beside the unit's own settings. */
export interface Sandbox {
  readonly kind: NonNullable<Unit["sandbox"]>;
  /** Its first process is root's, opens the secret and starts the program as its user. Not where systemd hands the secret over. */
  readonly hasRootParent: boolean;
  /** Something that it needs lies below /home, /root or /run/user. */
  readonly needsHome: boolean;
}

/**
 * The settings that keep a service from everything it does not need (systemd.exec(5)). Pure. What each is for: docs/hosts.md. Not among them is
 * `MemoryDenyWriteExecute`: V8, and CUDA's compiler, write code and run it.
 */
export function hardening(sandbox: Sandbox): readonly string[] {
  return [...common(sandbox), ...own(sandbox)];
}

const common = ({ needsHome, hasRootParent }: Sandbox): string[] => [
  "NoNewPrivileges=yes",
  "ProtectSystem=strict",
  `ProtectHome=${needsHome ? "tmpfs" : "yes"}`,
  "PrivateTmp=yes",
  "PrivateMounts=yes",
  "ProtectProc=invisible",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectControlGroups=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  "RemoveIPC=yes",
  // To become the user, and to pass on the signal that ends it.
  `CapabilityBoundingSet=${hasRootParent ? "CAP_SETUID CAP_SETGID CAP_KILL" : ""}`,
  "AmbientCapabilities=",
  "SystemCallArchitectures=native",
  "SystemCallErrorNumber=EPERM",
  "UMask=0077",
  "LimitCORE=0",
  "CoredumpFilter=0", // a handler that is piped to (core_pattern) is called whatever the limit
  "LimitNOFILE=65536",
  "MemorySwapMax=0",
];

function own({ kind, hasRootParent }: Sandbox): string[] {
  const calls = hasRootParent ? ["SystemCallFilter=@setuid"] : [];
  switch (kind) {
    case "sidecar":
      return [
        "PrivateDevices=yes",
        "ProcSubset=pid",
        ...(hasRootParent ? [] : ["PrivateUsers=yes"]),
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources",
        ...calls,
      ];
    case "ollama":
      return [
        "PrivateDevices=no",
        "DevicePolicy=closed",
        ...gpuDevices.map((device) => `DeviceAllow=${device} rw`),
        "ProcSubset=all", // it looks for free memory in /proc/meminfo
        // Threads on chosen cores and memory on chosen nodes are what a model runner asks for: @resources stays.
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged",
        ...calls,
      ];
    default:
      return impossible(kind);
  }
}

/** As /proc/devices names them, since most numbers are given out when a driver is loaded. NVIDIA's, then what AMD's and Intel's drivers share, then AMD's own. */
const gpuDevices = ["char-nvidia*", "char-drm", "char-kfd"];

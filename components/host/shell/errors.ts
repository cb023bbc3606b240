import { oldestGlibc } from "../../../schema/bundle.js";
import { FleetError } from "../../../schema/errors.js";
import { HostNotReached } from "../unreached.js";

/** LF1534: a machine that the worker bundle does not run on, by its system, its processor or its C library; nothing stays there. Next: what the line says: another machine, or a bundle for its kind. */
export class MachineUnsupported extends FleetError {
  constructor(on: string, has: { readonly machine: string; readonly bundle: string } | { readonly libc: string }) {
    super(
      "LF1534",
      "libc" in has
        ? `${on} has ${has.libc}, but this worker bundle needs glibc ${oldestGlibc} or newer.`
        : `${on} is a ${has.machine} machine, but this worker bundle is for ${has.bundle}.`,
      {
        fix:
          "libc" in has
            ? `choose a machine with a distribution that has it (Debian 10, Ubuntu 20.04, RHEL 8 and later), then run the same command again.`
            : "choose a Linux machine of that kind, or set bundle to one that was built on the host's kind (npm run bundle).",
      },
    );
  }
}

/** LF1535: the worker bundle could not be brought to a host; what was there before is as it was. Next: what the line says: free space, a writable disk, sudo or another root; then the same command again. */
export class UploadFailed extends FleetError {
  constructor(on: string, root: string, why: string, cause?: unknown) {
    super("LF1535", `The worker bundle could not be brought to ${root} on ${on}: ${why}.`, {
      fix: uploadFix(why, root),
      cause,
    });
  }
}
function uploadFix(why: string, root: string): string {
  if (/no space|quota/i.test(why)) return `free some 300 MB on the disk of ${root}, then run the same command again.`;
  if (/read-only/i.test(why))
    return `mount the disk of ${root} writable, or choose another root; then run the same command again.`;
  if (/permission denied/i.test(why))
    return `choose a root that the user may write, or set sudo; then run the same command again.`;
  return "run the same command again; if it stays: npm run bundle.";
}

/** LF1538: a host's folder lies where the user may not look, so that nobody can tell what is in it. */
export class HostFolderHidden extends HostNotReached {
  constructor(on: string, root: string) {
    super("LF1538", `${on} may not look into ${root}.`, {
      fix: `set sudo ("passwordless" or { passwordFile }), or choose a root that the user owns; then run the same command again.`,
    });
  }
}

/** LF1539: a machine lacks a program that is needed to set it up. */
export class ProgramsMissing extends FleetError {
  constructor(on: string, programs: readonly string[]) {
    super("LF1539", `${on} has no ${programs.join(", no ")}.`, {
      fix: `install ${programs.join(" and ")} there, then run the same command again.`,
    });
  }
}

import { script } from "./command-line.js";

/*
 * What is run on a host before there is a host program on it, or to start that. POSIX shell, and what Debian, Red Hat, Arch and Alpine alike have: coreutils or
 * BusyBox, tar, gzip. Each line is one statement.
 */

/** Exit code of {@link callVerb} where there is no bundle to run it from (sysexits.h, EX_NOINPUT). */
export const noBundle = 66;

/** Runs a verb of the host program, from the bundle that was put last. */
export const callVerb = (root: string, verb: string): readonly string[] =>
  script(
    [
      'b=$(ls -1dt -- "$1"/bundles/0x* 2>/dev/null | head -n 1)',
      `[ -x "$b/node" ] || exit ${noBundle}`,
      'exec "$b/node" "$b/host.js" "$2"',
    ],
    root,
    verb,
  );

/** Prints whether anything of ours is there, or a certain bundle: `there`, `none`, or `hidden` where that cannot be seen. */
export const lookForBundles = (root: string, hash = ""): readonly string[] =>
  script(
    [
      'if [ -d "$1/bundles/$2" ]; then echo there; exit; fi',
      'p=$1; while [ ! -e "$p" ]; do p=$(dirname "$p"); done',
      'if [ -x "$p" ]; then echo none; else echo hidden; fi',
    ],
    root,
    hash,
  );

/** Programs without which a machine cannot be set up. */
const needed = ["tar", "gzip", "sha256sum", "mktemp", "find"];

/** What {@link lookAtMachine} prints of a C library that is not glibc: only of glibc does `getconf` know the version. */
export const anotherLibc = "another";

/** Prints the machine's kind, its C library (`glibc 2.36`), and whichever of the needed programs it lacks; one line each. */
export const lookAtMachine = (): readonly string[] =>
  script([
    "uname -sm",
    `if command -v getconf >/dev/null; then getconf GNU_LIBC_VERSION 2>/dev/null || echo ${anotherLibc}; else echo unknown; fi`,
    `for p in ${needed.join(" ")}; do command -v "$p" >/dev/null || echo "$p"; done`,
  ]);

/** Exit code for a bundle that is not what its checksums say (sysexits.h, EX_DATAERR). */
export const damaged = 65;

/** Checks a bundle that is there already against checksums on standard input; from then on it is the one that was put last. Exit code: 0, {@link damaged}, or {@link noBundle}. */
export const checkBundle = (root: string, hash: string): readonly string[] =>
  script(
    [
      `cd "$1/bundles/$2" 2>/dev/null || exit ${noBundle}`,
      `sha256sum -c - >/dev/null 2>&1 || exit ${damaged}`,
      "touch . 2>/dev/null || :",
    ],
    root,
    hash,
  );

/** Where `@pulumi/command` leaves a bundle's archive: in the home of the user, which is where its programs start, `sudo` or not. */
export const stagedArchive = (hash: string): string => `.lightchain-fleet-${hash.slice(2, 18)}.tar.gz`;

/**
 * Unpacks an archive into a folder of its own below the bundles. Prints that folder, and `made` when the root was not there before. Nothing is left of what did not come
 * whole.
 * @param from a file, seen from the user's home; `-` for standard input
 */
export const unpack = (root: string, from: string): readonly string[] =>
  script(
    [
      "umask 077",
      'a=-; [ "$2" = - ] || a=$(pwd)/$2',
      `[ "$a" = - ] || [ -f "$a" ] || exit ${noBundle}`,
      'm=; [ -d "$1" ] || { mkdir -p "$1" && m=made; } || exit 1',
      'gone() { rm -rf "$t"; rmdir "$1/bundles" 2>/dev/null; [ -z "$m" ] || rmdir "$1" 2>/dev/null; exit 1; }',
      't=; mkdir -p "$1/bundles" || gone "$1"',
      'find "$1/bundles" -maxdepth 1 -name ".incoming-*" -mmin +60 -exec rm -rf {} + 2>/dev/null',
      't=$(mktemp -d "$1/bundles/.incoming-XXXXXX") || gone "$1"',
      'tar -x -o -z -f "$a" -C "$t" || gone "$1"',
      'echo "$t"',
      'echo "$m"',
    ],
    root,
    from,
  );

/**
 * Holds an unpacked bundle to the checksums on standard input, and gives it its name. What has the name already gives way: it is damaged, or the same. Where it does not come
 * to that, the unpacked one is removed; {@link damaged} when the checksums said so.
 */
export const settle = (root: string, hash: string, unpacked: { folder: string; made: string }): readonly string[] =>
  script(
    [
      'n="$1/bundles/$2"',
      'gone() { cd /; rm -rf "$2"; rmdir "$1/bundles" 2>/dev/null; [ -z "$3" ] || rmdir "$1" 2>/dev/null; exit "$4"; }',
      'cd "$3" || exit 1',
      'o=$(sha256sum -c - 2>&1) || { echo "$o" | grep -v ": OK$" | head -n 2 >&2; gone "$1" "$3" "$4" 65; }',
      "cd /",
      'touch "$3"; sync -f "$3" 2>/dev/null || sync',
      'if [ -e "$n" ]; then mv -T "$n" "$3.old" || gone "$1" "$3" "$4" 1; fi',
      'mv -T "$3" "$n" || gone "$1" "$3" "$4" 1',
      'rm -rf "$3.old"',
    ],
    root,
    hash,
    unpacked.folder,
    unpacked.made,
  );

/** Checks a staged archive, and says so. One that was taken already is none to check. */
export const checkStaged = (hash: string, sha256: string): readonly string[] =>
  script(
    ['[ -f "$1" ] || { echo "taken already"; exit 0; }', 'echo "$2  $1" | sha256sum -c -'],
    stagedArchive(hash),
    sha256,
  );

/** Removes a staged archive that is not needed any more. */
export const dropStaged = (hash: string): readonly string[] => script(['rm -f -- "$1"'], stagedArchive(hash));

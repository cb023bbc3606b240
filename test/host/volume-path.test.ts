import { expect, test } from "vitest";
import { pathOnEngine } from "../../host/volume-path.js";

const mounts = (volume: string): string =>
  [
    "520 430 0:61 / / ro,relatime - overlay overlay ro,lowerdir=/a",
    "521 520 0:64 / /proc rw,nosuid - proc proc rw",
    `530 520 254:0 ${volume} /var/lib/lightchain-fleet rw,relatime - ext4 /dev/vda rw`,
    "",
  ].join("\n");

test.each<[what: string, path: string, mountinfo: string, known: string]>([
  [
    "a file in a volume is known by the volume's folder on the engine",
    "/var/lib/lightchain-fleet/host-key",
    mounts("/var/lib/docker/volumes/home-state/_data"),
    "/var/lib/docker/volumes/home-state/_data/host-key",
  ],
  [
    "so it is where the engine's folder is a disk of its own",
    "/var/lib/lightchain-fleet/host-key",
    mounts("/volumes/home-state/_data"),
    "/volumes/home-state/_data/host-key",
  ],
  [
    "blanks and backslashes in the volume's folder are read",
    "/var/lib/lightchain-fleet/host-key",
    mounts("/my\\040disk\\134/volumes/a/_data"),
    "/my disk\\/volumes/a/_data/host-key",
  ],
  [
    "what is mounted over a volume counts, not what is below",
    "/var/lib/lightchain-fleet/host-key",
    mounts("/volumes/a/_data") + mounts("/volumes/b/_data"),
    "/volumes/b/_data/host-key",
  ],
  [
    "a file elsewhere is known by its own path",
    "/home/me/host/host-key",
    mounts("/volumes/a/_data"),
    "/home/me/host/host-key",
  ],
  [
    "a folder that an operator mounts somewhere himself keeps the path it always had",
    "/var/lib/lightchain-fleet/host-key",
    mounts("/@home/me/host"),
    "/var/lib/lightchain-fleet/host-key",
  ],
  ["a system that does not tell has the path", "/srv/host-key", "", "/srv/host-key"],
])("%s", (_, path, mountinfo, known) => expect(pathOnEngine(path, mountinfo)).toBe(known));

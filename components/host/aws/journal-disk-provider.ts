import { z } from "zod";
import { implement } from "../../implementation.js";
import { script } from "../shell/command-line.js";
import { reasonIn } from "../shell/put-bundle.js";
import { statedSsmWaySchema } from "../ssm/reference.js";
import { InstanceGone } from "../ssm/errors.js";
import { shellOn } from "../ssm/shell.js";
import { tell } from "../../tell.js";
import { sweep } from "./ec2.js";
import { JournalDiskUnready } from "./errors.js";

const inputs = z.object({
  ssm: statedSsmWaySchema,
  volume: z.string().regex(/^vol-[0-9a-f]{8,17}$/),
  at: z.string().startsWith("/", "an absolute path"),
  /** That tell this host's machine and disks from everybody else's. */
  tags: z.record(z.string(), z.string()),
});
type Inputs = z.infer<typeof inputs>;

/**
 * Mounts a volume, now and in each boot. It is known by its own name, whatever the machine calls its disks. Only a disk on which there is nothing at all is given a file system. Pure.
 */
export const mountScript = (volume: string, at: string): readonly string[] =>
  script(
    [
      "d=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_$1; n=0",
      'until [ -b "$d" ]; do n=$((n + 1)); [ "$n" -le 60 ] || { echo "no such disk shows up" >&2; exit 1; }; sleep 1; done',
      't=$(blkid -p -o value -s TYPE "$d"); c=$?',
      // 2: blkid found nothing that it knows; of what it knows and is no ext4 we keep off
      '[ "$c" -eq 0 ] || [ "$c" -eq 2 ] || { echo "what is on it is not clear" >&2; exit 1; }',
      '[ -n "$t" ] || mkfs.ext4 -q -m 0 -L lightchain "$d" || exit 1',
      '[ "${t:-ext4}" = ext4 ] || { echo "there is $t on it" >&2; exit 1; }',
      'u=$(systemd-escape -p --suffix=mount "$2") && mkdir -p "$2" || exit 1',
      `printf '[Unit]\\nDescription=Journals of Lightchain workers\\n[Mount]\\nWhat=%s\\nWhere=%s\\nType=ext4\\n[Install]\\nWantedBy=multi-user.target\\n' "$d" "$2" >"/etc/systemd/system/$u" || exit 1`,
      'systemctl daemon-reload && systemctl enable --quiet --now "$u"',
    ],
    volume.replace("-", ""),
    at,
  );

/** Takes that back; what is on the disk stays. Pure. */
export const unmountScript = (at: string): readonly string[] =>
  script(
    [
      'u=$(systemd-escape -p --suffix=mount "$1") || exit 1',
      '[ -e "/etc/systemd/system/$u" ] || exit 0',
      'systemctl disable --quiet --now "$u" || exit 1',
      'rm -f "/etc/systemd/system/$u"; systemctl daemon-reload; rmdir "$1" 2>/dev/null || :',
    ],
    at,
  );

async function mount({ ssm: { bootMs, ...way }, volume, at, tags }: Inputs): Promise<void> {
  const { code, stderr } = await shellOn(way).run({ words: mountScript(volume, at), waitMs: bootMs });
  if (code !== 0) throw new JournalDiskUnready(volume, at, reasonIn(stderr));
  // Now that there is one machine with one disk, any further one of this host's is a killed run's.
  const kept = [volume, ...(typeof way.instance === "string" ? [way.instance] : [])];
  const swept = await sweep(way.region, tags, kept);
  if (swept.length > 0)
    tell([`taken away, as an interrupted run had made it and not written down: ${swept.join(", ")}`]);
}

/** A volume that is a folder of its machine. */
export const journalDisk = implement({
  inputs,
  computed: z.object({}),
  identity: ["volume", "at"],
  create: async (wanted) => {
    await mount(wanted);
    return { id: wanted.volume, computed: {} };
  },
  update: async (wanted) => {
    await mount(wanted);
    return {};
  },
  delete: async ({ ssm, volume, at }) => {
    try {
      const { code, stderr } = await shellOn(ssm).run({ words: unmountScript(at) });
      if (code !== 0) throw new JournalDiskUnready(volume, at, reasonIn(stderr));
    } catch (error) {
      if (!(error instanceof InstanceGone)) throw error;
    }
  },
});

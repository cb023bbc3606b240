import type { EC2 } from "@aws-sdk/client-ec2";
import { ifThere } from "./refusals.js";
import { minutes, settled } from "./waiting.js";

/** Waits until a volume's change is in force: AWS goes on optimizing it for hours, which hinders nobody. One that nothing is known of has been changed long ago. */
export async function volumeChanged(ec2: EC2, id: string, signal: AbortSignal): Promise<void> {
  await settled({
    ...{ what: `EBS Volume (${id}) update`, wanted: ["completed", "optimizing", "gone"], passing: ["modifying"] },
    ...{ forMs: 10 * minutes, signal },
    look: async () => {
      const asked = ec2.describeVolumesModifications({ VolumeIds: [id] });
      const all = (await ifThere(asked, "InvalidVolumeModification.NotFound"))?.VolumesModifications ?? [];
      const latest = all.toSorted((one, other) => Number(one.StartTime) - Number(other.StartTime)).at(-1);
      return { state: latest?.ModificationState, reason: latest?.StatusMessage };
    },
  });
}

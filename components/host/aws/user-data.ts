/**
 * What a machine does by itself at its first boot: as little as can be, so that it is one text for every machine, region and version, and changes with none of them. It opens the
 * way through Systems Manager, by which everything else comes; it closes every other; and it keeps the system from changing driver or kernel by itself under a model that runs.
 * Nothing of it is a secret: whoever is on the machine can read it.
 */
export const userData = `#!/bin/sh
set -u
for unit in unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer ssh.socket ssh.service; do
  systemctl disable --now "$unit" 2>/dev/null || :
done
swapoff -a || :
for unit in snap.amazon-ssm-agent.amazon-ssm-agent.service amazon-ssm-agent.service; do
  systemctl cat "$unit" >/dev/null 2>&1 && systemctl enable --now "$unit"
done
exit 0
`;

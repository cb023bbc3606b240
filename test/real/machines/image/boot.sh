#!/bin/sh
# Process 1 of a machine until systemd takes over: makes a container's name spaces what a systemd expects of a computer.
set -e

# Docker mounts the control groups read-only; systemd rules the part of them that is this machine.
awk '$2 ~ "^/sys/fs/cgroup" { print $2 }' /proc/mounts | while read -r mount; do mount -o remount,bind,rw "$mount"; done
# Where the controllers are still those of version 1, services are tracked, and their IP rules kept, in a version 2 hierarchy beside them.
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
  mkdir -p /sys/fs/cgroup/unified
  mountpoint -q /sys/fs/cgroup/unified || mount -t cgroup2 none /sys/fs/cgroup/unified
fi

# Containers share the kernel's boot id. A machine has a new one after each boot, by which journals and reconcilers know of it.
cat /proc/sys/kernel/random/uuid > /run/boot-id
mount --bind /run/boot-id /proc/sys/kernel/random/boot_id
mount -o remount,bind,ro /proc/sys/kernel/random/boot_id

mount --make-rshared /
exec /sbin/init

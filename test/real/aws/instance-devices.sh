#!/bin/sh
# Makes a machine's devices those that are attached, under the names that EC2's have: /etc/instance-devices lists a volume's id without its dash, and its loop device's number.
set -e
mkdir -p /dev/disk/by-id
cd /dev/disk/by-id
for link in nvme-Amazon_Elastic_Block_Store_*; do
  [ -L "$link" ] || continue
  grep -q "^${link##*_} " /etc/instance-devices || { rm -f "$(readlink -f "$link")" "$link"; }
done
while read -r volume minor; do
  link=nvme-Amazon_Elastic_Block_Store_$volume
  [ -L "$link" ] && continue
  at=1
  while [ -e "/dev/nvme${at}n1" ]; do at=$((at + 1)); done
  mknod -m 660 "/dev/nvme${at}n1" b 7 "$minor"
  ln -s "../../nvme${at}n1" "$link"
done </etc/instance-devices

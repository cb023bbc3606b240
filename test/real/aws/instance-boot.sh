#!/bin/sh
# Process 1 of an instance: the volumes that are attached are there before anything looks for them. Then it is any machine's boot.
/usr/local/sbin/instance-devices
exec /usr/local/sbin/boot

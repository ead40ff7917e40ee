#!/bin/sh
# Boots a root as a machine of its own, with its own systemd, which runs `inside.sh whole` and ends with its status:
# `unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child boot.sh ROOT WHEELS`. roots.sh calls it.
#
# The machine reaches nothing but itself, and has of the devices only those that every container has.
set -eu

root=$1 wheels=$2

mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/wheels"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount --bind "$wheels" "$root/wheels"
ip link set lo up

cat >"$root/etc/systemd/system/roots.service" <<'UNIT'
[Unit]
SuccessAction=exit
FailureAction=exit

[Service]
Type=oneshot
ExecStart=/bin/sh /src/tests/install/inside.sh whole
StandardOutput=append:/var/log/roots
StandardError=inherit
UNIT
ln -sf ../roots.service "$root/etc/systemd/system/multi-user.target.wants/roots.service"

# Not chroot: a process in there may make no user namespace, and the unit wants one (user_namespaces(7), EPERM).
cd "$root"
pivot_root . .
umount -l .
mount --make-rshared /    # as on every machine that systemd boots itself; in a container it leaves that to others
exec env -i container=roots PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd

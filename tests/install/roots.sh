#!/bin/sh
# Installs hemsd in clean Debian roots, as its users do: `sudo tests/install/roots.sh [SUITE[:ARCH]...]`.
#
#   tests/install/roots.sh                    bookworm (Python 3.11) and trixie (3.13), on this machine's processor
#   tests/install/roots.sh bookworm:arm64     a Raspberry Pi's, under qemu-user: slow, so only the plain way is gone
#
# A root of this machine's processor is booted with its own systemd (boot.sh), so the unit's walls are real ones.
#
# Needs root, debootstrap, iproute2, and for another processor qemu-user-static. The mirror is the one that apt uses here, the
# index is the one that pip uses here. What is committed is installed ($COMMIT, default HEAD), not what lies in the working tree.
#
# Roots and packages are kept in $ROOTS (default /var/tmp/hemsd-roots) and each run works on a copy. Packages are fetched
# first; everything else, from `systemd/install.sh` on, happens in a network of its own that reaches nothing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
roots=${ROOTS:-/var/tmp/hemsd-roots}
own=$(dpkg --print-architecture)

say() { printf '%s  %s\n' "$(date -u +%H:%M:%S)" "$*"; }
die() { printf 'roots: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die "needs root"
command -v debootstrap >/dev/null || die "needs debootstrap: apt-get install debootstrap"

mirror() { # the Debian mirror of this machine's apt
    apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
        grep -v security | head -n 1
}

processor_of_another_kind() { # ARCH: the kernel hands its programs to qemu
    [ "$1" = arm64 ] || die "no emulation for $1 is set up here"
    command -v qemu-aarch64-static >/dev/null || die "needs qemu: apt-get install qemu-user-static"
    [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] ||
        cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
}

clean_root() { # SUITE ARCH
    base=$roots/$1-$2
    # What a Raspberry Pi OS Lite has, and what docs/install.md tells people to install.
    with=ca-certificates,python3,python3-venv
    [ "$2" != "$own" ] || with=$with,systemd-sysv,dbus,iproute2,procps
    [ "$(cat "$base/.with" 2>/dev/null)" != "$with" ] || return 0
    say "$1 $2: making the root"
    rm -rf --one-file-system "$base"
    debootstrap --arch="$2" --variant=minbase --include="$with" "$1" "$base" "$(mirror)" >"$base.log" 2>&1 ||
        { tail -n 20 "$base.log"; die "no root for $1 on $2"; }
    rm -rf "$base"/var/cache/apt/archives/*.deb
    echo "$with" >"$base/.with"
}

reach_the_index() { # ROOT: pip in there asks whom pip asks here
    cp /etc/resolv.conf /etc/hosts "$1/etc/"
    if [ -e /etc/pip.conf ]; then cp /etc/pip.conf "$1/etc/pip.conf"; fi
    cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
}

copy_of_root() { # SUITE ARCH
    work=$roots/work-$1-$2
    rm -rf --one-file-system "$work"
    cp -a "$roots/$1-$2" "$work"
    mkdir "$work/src"
    git -C "$here/../.." archive "${COMMIT:-HEAD}" | tar -x -C "$work/src"
    chmod -R go-w "$work/src"
}

fetch() { # SUITE ARCH: the same Python asks, but on this machine's processor; an emulated pip takes ten minutes
    say "$1 $2: fetching packages"
    clean_root "$1" "$own"
    copy_of_root "$1" "$own"
    reach_the_index "$work"
    mkdir -p "$roots/wheels-$1-$2"
    enter "" "$work" "fetch $([ "$2" = "$own" ] || echo aarch64)" "$roots/wheels-$1-$2"
    rm -rf --one-file-system "$work"
}

try() { # SUITE ARCH
    fetch "$1" "$2"
    clean_root "$1" "$2"
    copy_of_root "$1" "$2"
    if [ "$2" = "$own" ]; then
        boot "$work" "$roots/wheels-$1-$2"
    else
        enter --net "$work" plain "$roots/wheels-$1-$2"
    fi
    rm -rf --one-file-system "$work"
}

boot() { # ROOT WHEELS: shows what the machine says until it ends
    : >"$1/var/log/roots"
    tail -n +1 -F "$1/var/log/roots" &
    reader=$!
    status=0
    unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child "$here/boot.sh" "$@" || status=$?
    sleep 1
    kill "$reader"
    [ "$status" = 0 ] || die "the machine ended with $status"
}

enter() { # OPTION ROOT PART WHEELS: with processes and mounts of its own, which end with it
    unshare --mount --pid --fork --kill-child $1 sh -eu -c '
        root=$1 part=$2 wheels=$3
        mount -t proc proc "$root/proc"
        mount --bind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t tmpfs tmpfs "$root/run"
        mkdir -p "$root/wheels"
        mount --bind "$wheels" "$root/wheels"
        [ "$part" != plain ] || ip link set lo up
        exec chroot "$root" sh /src/tests/install/inside.sh $part
    ' enter "$2" "$3" "$4"
}

[ $# -gt 0 ] || set -- bookworm trixie
mkdir -p "$roots"
for wanted; do
    suite=${wanted%%:*} arch=$own
    case $wanted in *:*) arch=${wanted##*:} ;; esac
    [ "$arch" = "$own" ] || processor_of_another_kind "$arch"
    began=$(date +%s)
    try "$suite" "$arch"
    say "$suite $arch: well, after $(($(date +%s) - began)) s"
done

#!/bin/sh
# Installs, upgrades or removes hemsd as a service of this machine:
#
#   sudo systemd/install.sh                     installs it; where it is there already, upgrades it
#   sudo systemd/install.sh --upgrade           after `git pull`; goes back to the old version when the new one fails
#   sudo systemd/install.sh --uninstall         removes the program; settings and data stay
#   sudo systemd/install.sh --uninstall --purge removes settings and data as well
#
# hemsd gets a user of its own, its settings in /etc/hemsd and its data in /var/lib/hemsd. Each version has a virtual
# environment of its own in /opt/hemsd/versions, and /opt/hemsd/venv points at the one that runs; the one before is kept.
# With DESTDIR=/some/directory it puts the files there and touches nothing else: no user, no service.
set -eu

cd "$(dirname "$0")/.."
root=${DESTDIR:-}
python=${PYTHON:-python3}
program=$root/opt/hemsd
settings=$root/etc/hemsd
data=$root/var/lib/hemsd
units=$root/etc/systemd/system
command=$root/usr/local/bin/hemsd
systemctl=${SYSTEMCTL:-systemctl}        # the tests put their own here, together with DESTDIR
copy=$data/before-upgrade.db
health_within_s=${HEALTH_WITHIN_S:-90}

say() { printf '%s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

mode=install purge=no
for option; do
    case $option in
        --upgrade) mode=upgrade ;;
        --uninstall) mode=uninstall ;;
        --purge) purge=yes ;;
        *) die "$option is no option; see the head of $0" ;;
    esac
done
[ "$purge" = no ] || [ "$mode" = uninstall ] || die "--purge goes with --uninstall"
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die "run it with sudo"

# Whether there is a service manager to talk to.
has_systemd() {
    if [ -n "$root" ]; then [ -n "${SYSTEMCTL:-}" ]; else [ -d /run/systemd/system ]; fi
}

point_at() { # VERSION: one rename, so there is a program at each moment
    ln -s "versions/$1/venv" "$program/venv.new"
    mv -T "$program/venv.new" "$program/venv"
}

as_hemsd() { # what writes beside the database does it as the daemon's user
    if [ -n "$root" ]; then "$@"; else runuser -u hemsd -- "$@"; fi
}

uninstall() {
    if has_systemd; then
        "$systemctl" disable --now hemsd 2>/dev/null || true
    fi
    rm -f "$units/hemsd.service" "$command"
    rm -rf "$program"
    if has_systemd; then "$systemctl" daemon-reload; fi
    if [ "$purge" = yes ]; then
        rm -rf "$settings" "$data"
        if [ -z "$root" ] && id hemsd >/dev/null 2>&1; then userdel hemsd; fi
        say "hemsd, its settings and its data are gone"
    else
        say "hemsd is removed. Its settings are still in $settings and its data in $data"
    fi
}

build() { # VERSION
    venv=$program/versions/$1/venv
    pip="$venv/bin/python -m pip --disable-pip-version-check install --quiet"
    mkdir -p "$program/versions/$1" &&
        "$python" -m venv "$venv" &&
        $pip --require-hashes -r requirements.txt &&
        $pip --no-deps --no-build-isolation --force-reinstall .
}

put_files() {
    cp README.md LICENSE NOTICE "$program/"
    cp -R examples docs "$program/"
    cp config.schema.json "$settings/config.schema.json"
    cp systemd/hemsd.service "$units/hemsd.service"
}

healthy() {
    "$program/venv/bin/python" -m hemsd.ops.health -c "$settings/config.yaml" --within "$health_within_s"
}

upgrade() { # OLD NEW: OLD is the version that runs
    # `hemsd check` would miss the secrets of /etc/hemsd/environment, which only the service has.
    "$program/versions/$2/venv/bin/python" -m hemsd.ops.place "$settings/config.yaml" ||
        { rm -rf "$program/versions/$2"; die "the running hemsd was left as it is; correct the file and try again"; }
    rm -f "$copy"
    kept=no
    if as_hemsd "$program/venv/bin/hemsd" backup "$copy" -c "$settings/config.yaml"; then kept=yes; fi
    cp "$units/hemsd.service" "$program/hemsd.service.before"
    point_at "$2"
    put_files
    "$systemctl" daemon-reload
    "$systemctl" restart hemsd || true
    if healthy; then
        for version in "$program"/versions/*; do
            case ${version##*/} in "$1" | "$2") ;; *) rm -rf "$version" ;; esac
        done
        say "hemsd runs the new version; the one before is kept in $program/versions/$1"
        return
    fi
    say "The new version is not well: going back" >&2
    "$systemctl" stop hemsd || true
    point_at "$1"
    cp "$program/hemsd.service.before" "$units/hemsd.service"
    if [ "$kept" = yes ]; then # the new version may have changed the tables
        as_hemsd "$program/venv/bin/hemsd" restore "$copy" -c "$settings/config.yaml" || true
    fi
    "$systemctl" daemon-reload
    "$systemctl" start hemsd
    die "the old version runs again; see: journalctl -u hemsd"
}

if [ "$mode" = uninstall ]; then
    uninstall
    exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "hemsd needs Python 3.11 or newer"
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "Python has no venv here; sudo apt-get install python3-venv"
[ "$mode" = install ] || [ -e "$program/venv" ] || die "there is no hemsd to upgrade; leave --upgrade out"

if [ -z "$root" ] && ! id hemsd >/dev/null 2>&1; then
    useradd --system --home-dir /var/lib/hemsd --no-create-home --shell /usr/sbin/nologin hemsd
fi

mkdir -p "$program/versions" "$settings" "$data" "$units" "$(dirname "$command")"
old=
if [ -L "$program/venv" ]; then
    old=$(readlink "$program/venv") old=${old#versions/} old=${old%/venv}
elif [ -d "$program/venv" ]; then # as earlier versions of this script laid it out
    old=before
    mkdir -p "$program/versions/before"
    mv "$program/venv" "$program/versions/before/venv"
    point_at before
fi
new=$(date -u +%Y%m%dT%H%M%S)
while [ -e "$program/versions/$new" ]; do new=${new}x; done

say "Installing the program into $program"
build "$new" || { rm -rf "$program/versions/$new"; die "the program could not be built; nothing was changed"; }

if [ -n "$old" ] && has_systemd && "$systemctl" --quiet is-active hemsd; then
    upgrade "$old" "$new"
    exit 0
fi

point_at "$new"
put_files
fresh=no
if [ ! -e "$settings/config.yaml" ]; then
    fresh=yes
    # Settings and data live apart here, so the data's place is written down.
    { sed 's|=\.\./config.schema.json|=./config.schema.json|' examples/home.yaml
      printf '\nstorage: {path: /var/lib/hemsd/hemsd.db}\n'; } >"$settings/config.yaml"
fi
ln -sf /opt/hemsd/venv/bin/hemsd "$command"

if [ -n "$root" ]; then
    say "Files are in $root"
    exit 0
fi

chown -R root:hemsd "$settings"
chmod 750 "$settings"
chmod 640 "$settings/config.yaml"
chown hemsd:hemsd "$data"
chmod 750 "$data"

if ! has_systemd; then
    say "systemd does not run here; start it with: hemsd run -c /etc/hemsd/config.yaml"
    exit 0
fi
"$systemctl" daemon-reload
if [ "$fresh" = yes ]; then
    say "Now say what your home has, have it checked, and start:"
    say "  sudo nano /etc/hemsd/config.yaml"
    say "  sudo hemsd check -c /etc/hemsd/config.yaml"
    say "  sudo systemctl enable --now hemsd"
else
    say "The new version is there; start it with: sudo systemctl enable --now hemsd"
fi

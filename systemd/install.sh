#!/bin/sh
# Installs or updates hemsd as a service of this machine:
#
#   sudo systemd/install.sh
#
# hemsd gets a user and a virtual environment of its own (/opt/hemsd), its settings in /etc/hemsd and its data in
# /var/lib/hemsd. Run again after `git pull`, it updates the program and leaves settings and data as they are.
# With DESTDIR=/some/directory it puts the files there and touches nothing else: no user, no service.
set -eu

cd "$(dirname "$0")/.."
root=${DESTDIR:-}
python=${PYTHON:-python3}
program=$root/opt/hemsd
settings=$root/etc/hemsd
data=$root/var/lib/hemsd
units=$root/etc/systemd/system

say() { printf '%s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || die "run it with sudo"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "hemsd needs Python 3.11 or newer"
"$python" -c 'import venv, ensurepip' 2>/dev/null || die "Python has no venv here; sudo apt-get install python3-venv"

if [ -z "$root" ] && ! id hemsd >/dev/null 2>&1; then
    useradd --system --home-dir /var/lib/hemsd --no-create-home --shell /usr/sbin/nologin hemsd
fi

say "Installing the program into $program"
mkdir -p "$program" "$settings" "$data" "$units"
[ -x "$program/venv/bin/python" ] || "$python" -m venv "$program/venv"
pip="$program/venv/bin/python -m pip --disable-pip-version-check install --quiet"
$pip --require-hashes -r requirements.txt
$pip --no-deps --no-build-isolation --force-reinstall .
cp README.md LICENSE NOTICE "$program/"
cp -R examples "$program/"

cp config.schema.json "$settings/config.schema.json"
fresh=no
if [ ! -e "$settings/config.yaml" ]; then
    fresh=yes
    # Settings and data live apart here, so the data's place is written down.
    { sed 's|=\.\./config.schema.json|=./config.schema.json|' examples/home.yaml
      printf '\nstorage: {path: /var/lib/hemsd/hemsd.db}\n'; } >"$settings/config.yaml"
fi
cp systemd/hemsd.service "$units/hemsd.service"

if [ -n "$root" ]; then
    say "Files are in $root"
    exit 0
fi

ln -sf /opt/hemsd/venv/bin/hemsd /usr/local/bin/hemsd
chown -R root:hemsd "$settings"
chmod 750 "$settings"
chmod 640 "$settings/config.yaml"
chown hemsd:hemsd "$data"
chmod 750 "$data"

if [ ! -d /run/systemd/system ]; then
    say "systemd does not run here; start it with: hemsd run -c /etc/hemsd/config.yaml"
    exit 0
fi
systemctl daemon-reload
if [ "$fresh" = yes ]; then
    say "Now say what your home has, have it checked, and start:"
    say "  sudo nano /etc/hemsd/config.yaml"
    say "  sudo hemsd check -c /etc/hemsd/config.yaml"
    say "  sudo systemctl enable --now hemsd"
elif systemctl --quiet is-enabled hemsd; then
    hemsd check -c /etc/hemsd/config.yaml || die "the running hemsd was left as it is; correct the file, then: sudo systemctl restart hemsd"
    systemctl restart hemsd
    say "hemsd runs the new version"
fi

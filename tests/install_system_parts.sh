#!/bin/sh
# Installs what the tests need beside Python: an MQTT broker and a browser, from Debian's own packages.
# Does nothing, and needs no network, where both are there already.
set -eu

# A daemon's place is sbin, which is not on everybody's path.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

found() {
    command -v "$1" >/dev/null 2>&1
}

missing=""
found mosquitto || missing="$missing mosquitto"
found chromium || found chromium-browser || found google-chrome || missing="$missing chromium"
[ -n "$missing" ] || exit 0

give_up() {
    echo "The tests need:$missing" >&2
    echo "$1" >&2
    echo "On Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install$missing" >&2
    exit 1
}

found apt-get || give_up "This system has no apt-get; install them in its own way."
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif ! found sudo; then
    give_up "You are not root, and there is no sudo."
elif sudo -n true 2>/dev/null || [ -t 0 ]; then
    as_root="sudo"
else
    give_up "sudo would ask for a password, and nobody is at the terminal."
fi

echo "Installing for the tests:$missing"
$as_root apt-get update -qq || echo "apt-get update failed; trying with the lists that are there" >&2
# shellcheck disable=SC2086  # each word is a package of its own
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    give_up "apt-get could not install them; its own message stands above."

# Debian starts the broker at once, on the port that belongs to the house. The tests start their own.
if found systemctl && [ -d /run/systemd/system ] && [ "${missing#*mosquitto}" != "$missing" ]; then
    $as_root systemctl disable --now mosquitto >/dev/null 2>&1 || true
fi

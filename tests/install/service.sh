# The service under its real systemd; a part of inside.sh, whose words it uses.
# shellcheck shell=sh disable=SC2154

dropin=/etc/systemd/system/hemsd.service.d
now_with() { # LINE...: the unit with these further lines of [Service]
    mkdir -p "$dropin"
    { echo "[Service]"; printf '%s\n' "$@"; } >"$dropin/test.conf"
    systemctl daemon-reload
    systemctl restart hemsd || die "it does not start with: $*"
    well 60 || die "it is not well with: $*"
}
wait_for() { # SECONDS COMMAND...
    left=$1
    shift
    until "$@"; do
        [ "$left" -gt 0 ] || return 1
        left=$((left - 1))
        sleep 1
    done
}
restarted() { [ "$(of_unit NRestarts)" -ge "$1" ] && well 0; }

# A house: this machine and a phone on one cable.
ip netns add phone
ip link add lan type veth peer name wlan netns phone
ip address add 192.0.2.7/24 dev lan    # RFC 5737: addresses that are nobody's
ip link set lan up
ip -n phone address add 192.0.2.9/24 dev wlan
ip -n phone link set lo up
ip -n phone link set wlan up

mkdir -p -m 700 /etc/credstore
(umask 077 && echo a-broker-secret >/etc/credstore/hemsd.mqtt)
mknod /dev/ttyS9 c 4 73
mknod /dev/disk9 b 254 0
chown root:dialout /dev/ttyS9 /dev/disk9
chmod 660 /dev/ttyS9 /dev/disk9

(umask 027 && echo correct-horse >/etc/hemsd/page)
chgrp hemsd /etc/hemsd/page
sed -e 's|^web:.*|web: {host: 0.0.0.0, port: 8080, password_file: page}|' \
    -e 's|^ocpp:.*|ocpp: {host: 0.0.0.0, port: 9000}|' -e '$a mdns: {name: hemsd}' -i "$config"
# Not as ExecStartPost: systemd 252 shows the credentials to the main process only.
sed -e "s|^ExecStart=.*|ExecStart=$python $here/sandbox.py|" -e 's|^Type=.*|Type=oneshot|' -e '/^Restart/d' \
    /etc/systemd/system/hemsd.service >/etc/systemd/system/sandbox.service
systemctl daemon-reload
systemctl start sandbox || die "the sandbox: $(journalctl --no-pager -u sandbox -o cat)"
systemd-analyze security --threshold=15 hemsd >/dev/null || die "the sandbox is more open than 1.5"
say "the sandbox is closed, and open where it must be"

systemctl restart hemsd
well 60 || die "it is not well when it listens to the whole house"
ip netns exec phone "$python" "$here/neighbour.py" || die "a neighbour sees something else"
say "a phone in the house finds it by name, and sees no more than a login"

now_with WatchdogSec=20
kill -STOP "$(of_unit MainPID)"
wait_for 90 restarted 1 || die "nobody noticed that it hangs"
kill -KILL "$(of_unit MainPID)"
wait_for 60 restarted 2 || die "it does not come back"
say "it was started again after it hung, and after it was killed"

rm -r "$dropin"
cp -a "$config" /tmp/config.yaml
echo 'sight: {}' >>"$config"
systemctl daemon-reload
if systemctl restart hemsd; then die "it starts with a wrong file"; fi
sleep 7    # RestartSec is 5 s
[ "$(of_unit ActiveState)" = failed ] || die "it tries a wrong file again and again"
cp -a /tmp/config.yaml "$config"
systemctl start hemsd || die "it does not start any more"
well 60 || die "it does not get well any more"
say "a wrong file ends it until somebody starts it again"
settings=$(sha256sum "$config")

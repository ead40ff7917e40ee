#!/bin/sh
# What roots.sh does inside a root: `inside.sh fetch [PROCESSOR] | plain | whole`. Never call it on a machine that you need.
#
# plain: install, check, judge a session, start, ask /healthz, stop.
#        systemctl is played: where the processor is emulated there is no systemd.
# whole: and again, on top of itself; a good upgrade, one that must go back, reload, the service's sandbox and watchdog
#        (service.sh), the wheel, both ways to uninstall. Under a systemd that boot.sh started.
set -eu

here=/src/tests/install
cd /src
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore HOME=/root
unset PIP_FIND_LINKS PIP_CONSTRAINT || true
part=$1 started=$(date +%s)

say() { printf '%s  %5s s  %s\n' "$(date -u +%H:%M:%S)" "$(($(date +%s) - started))" "$*"; }
die() {
    printf 'NOT WELL: %s\n' "$*" >&2
    log | tail -n 40 >&2
    exit 1
}
log() { if [ "$part" = plain ]; then cat /var/log/hemsd.log; else journalctl --no-pager -u hemsd -o cat; fi; }

if [ "$part" = fetch ]; then
    python3 -m venv /tmp/fetch
    # Wheels only: a Pi has no compiler, and must not need one. What is here from an earlier run has the right hash, too.
    platforms=
    [ -z "${2:-}" ] || for glibc in 17 24 26 27 28 31 34; do platforms="$platforms --platform manylinux_2_${glibc}_$2"; done
    # shellcheck disable=SC2086  # each is a word of its own
    /tmp/fetch/bin/python -m pip download -q --require-hashes --only-binary=:all: $platforms -d /wheels -r requirements.txt
    rm -rf /tmp/fetch
    say "$(find /wheels -name '*.whl' | wc -l) wheels, $(du -sm /wheels | cut -f1) MB"
    exit 0
fi

export PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
export HEALTH_WITHIN_S=${HEALTH_WITHIN_S:-$([ "$part" = whole ] && echo 60 || echo 300)}
if [ "$part" = plain ]; then
    mkdir -p /run/systemd/system       # as far as install.sh can see, systemd runs
    install -m 755 "$here/systemctl" /usr/local/bin/systemctl
fi

python=/opt/hemsd/venv/bin/python
config=/etc/hemsd/config.yaml
version() { readlink /opt/hemsd/venv; }
of_unit() { systemctl show -p "$1" --value hemsd; }
well() { "$python" -m hemsd.ops.health -c "$config" --within "$1"; }
is() { [ "$(stat -c '%U:%G %a' "$1")" = "$2" ] || die "$1 is $(stat -c '%U:%G %a' "$1"), not $2"; }

say "Python $(python3 -c 'import platform; print(platform.python_version(), platform.machine())')"
sh systemd/install.sh
say "installed"
hemsd --version
is /etc/hemsd 'root:hemsd 750'
is "$config" 'root:hemsd 640'
is /var/lib/hemsd 'hemsd:hemsd 750'
grep -q 'storage: {path: /var/lib/hemsd/hemsd.db}' "$config" || die "the data have no place"

# A home that is simulated, or nothing would answer here; but with the service's own places.
sed 's|^storage:.*|storage: {path: /var/lib/hemsd/hemsd.db}|' config.yaml >"$config"
settings=$(sha256sum "$config")
hemsd check -c "$config"
say "checked"

"$python" - <<'X'
from hemsd.scoring.engine import TFLiteEngine, load

engine = load("auto")
assert isinstance(engine, TFLiteEngine), engine
print("the model runs on", engine.name)
X
"$python" "$here/a_session.py" >/tmp/session.json
# As the service sees /proc (ProcSubset=pid): without /proc/cpuinfo, which the model runtimes would like to read.
unshare --mount --propagation unchanged sh -eu -c '
    mount --make-private /proc
    mount -t proc -o subset=pid proc /proc
    [ ! -e /proc/cpuinfo ]
    hemsd score /tmp/session.json' >/tmp/score.json
"$python" -c 'import json; s = json.load(open("/tmp/score.json")); print("the session:", s["status"], s["anomaly_score"])' ||
    die "$(cat /tmp/score.json)"
say "judged a session"
"$python" -m hemsd.ops.ingredients >/tmp/bill.json
grep -q '"name": "numpy"' /tmp/bill.json || die "it does not say what it is made of"

systemctl enable --now hemsd || die "it does not start"
well "$HEALTH_WITHIN_S" || die "it does not get well"
"$python" - <<'X'
from urllib.request import urlopen

assert b"<title>" in urlopen("http://127.0.0.1:8080/").read(), "the page is not in the package"
assert b"hemsd_tick_age_seconds" in urlopen("http://127.0.0.1:8080/metrics").read()
X
say "started and well; it holds $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$(of_unit MainPID)/status") MB"

if [ "$part" = whole ]; then
    first=$(version)
    sh systemd/install.sh
    [ "$(version)" != "$first" ] || die "the second installation changed nothing"
    [ "$settings" = "$(sha256sum "$config")" ] || die "the settings were touched"
    well 1 || die "it is not well on top of itself"
    say "installed on top of itself, which is an upgrade"

    sh systemd/install.sh --upgrade
    good=$(version)
    [ "$(find /opt/hemsd/versions -mindepth 1 -maxdepth 1 | wc -l)" = 2 ] || die "old versions pile up"
    say "upgraded"

    visits() { "$python" -c 'import sqlite3; print(*sqlite3.connect("/var/lib/hemsd/hemsd.db").execute("SELECT count(*) FROM visits").fetchone())'; }
    before=$(visits)
    cp -a hemsd/app.py /tmp/app.py
    printf '\nraise RuntimeError("broken on purpose")\n' >>hemsd/app.py
    if HEALTH_WITHIN_S=8 sh systemd/install.sh --upgrade; then die "a broken version was taken"; fi
    [ "$(version)" = "$good" ] || die "it did not go back"
    cp -a /tmp/app.py hemsd/app.py
    well 60 || die "the old version is not well again"
    [ "$(visits)" -ge "$before" ] || die "the database did not come back"
    say "a broken version went back by itself"

    reloaded() { log | grep -q 'settings are in force'; }
    systemctl reload hemsd
    for _ in 1 2 3 4 5 6 7 8 9 10; do reloaded && break; sleep 1; done
    reloaded || die "it did not reload"
    . "$here/service.sh"
fi

systemctl stop hemsd
[ "$(of_unit ExecMainStatus)" = 0 ] || die "it ended with $(of_unit ExecMainStatus)"
say "stopped"
[ "$part" = whole ] || exit 0

"$python" -m pip wheel -q --no-deps --no-build-isolation -w /tmp/dist .
python3 -m venv /tmp/other
/tmp/other/bin/python -m pip install -q --require-hashes -r requirements.txt
/tmp/other/bin/python -m pip install -q --no-deps /tmp/dist/hemsd-*.whl
cd /
/tmp/other/bin/hemsd score /tmp/session.json | grep -v analyzed_at >/tmp/again.json
grep -v analyzed_at /tmp/score.json | cmp - /tmp/again.json || die "the wheel judges otherwise"
/tmp/other/bin/hemsd schema | cmp - /src/config.schema.json || die "the wheel has another schema"
cd /src
say "the wheel works alone: $(du -k /tmp/dist/hemsd-*.whl | cut -f1) kB"

systemctl start hemsd
sh systemd/install.sh --uninstall
if pgrep -f /opt/hemsd >/dev/null; then die "it still runs"; fi
[ ! -e /opt/hemsd ] && [ -e "$config" ] && [ -e /var/lib/hemsd/hemsd.db ] || die "uninstalling took too much or too little"
sh systemd/install.sh
[ "$settings" = "$(sha256sum "$config")" ] || die "the settings were touched"
sh systemd/install.sh --uninstall --purge
if [ -e /opt/hemsd ] || [ -e /etc/hemsd ] || [ -e /var/lib/hemsd ] || id hemsd >/dev/null 2>&1; then die "something was left"; fi
say "uninstalled, installed again, and gone without a trace"

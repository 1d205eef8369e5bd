#!/bin/bash
# The session that README.md shows: the samples start, and an update that fails is rolled back.
#
# usage: docs/images/session.sh DIRECTORY_OF_PROGRAMS     (make picture draws it)
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$1:$PWD/samples/bin:$PWD/samples/wasm:$PATH"
work=$(mktemp -d)
export ERA_RUN_DIR=$work/run

cp -R manifests "$work/manifests"
(umask 077 && cp -R samples/secrets "$work/secrets")
sh samples/image.sh samples.invalid/web:1 "$work/web.tar" "$1/sample-web"
era artifact import "$work/web.tar" --data-dir "$work/data" >/dev/null
era daemon --manifests "$work/manifests" --data-dir "$work/data" --run-dir "$work/run" \
    --secrets-dir "$work/secrets" </dev/null >"$work/daemon.log" 2>&1 &
daemon=$!

finish() {
    # Without manifests and with the prune confirmed, nothing of the session goes on running.
    rm -f "$work"/manifests/*
    for _ in $(seq 50); do
        era prune --confirm >/dev/null 2>&1 || true
        if [[ -z $(era get -A -o name 2>/dev/null) ]]; then break; fi
        sleep 0.2
    done
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

show() {
    printf '\033[1m$ %s\033[0m\n' "$*"
    "$@" || true
    echo
}

for _ in $(seq 100); do
    if era get >/dev/null 2>&1; then break; fi
    sleep 0.1
done
for name in app database rollback sockets update web worker; do
    era wait "$name" --for ready --timeout 60s >/dev/null
done
show era get
show curl --silent 127.0.0.1:8084
printf '\033[1m$ sed -i "s/# - --unhealthy/- --unhealthy/" manifests/rollback.yaml\033[0m\n'
# Written beside and renamed in, as editors do.
sed 's/^    # - --unhealthy/    - --unhealthy/' manifests/rollback.yaml >"$work/edited"
mv "$work/edited" "$work/manifests/rollback.yaml"
for _ in $(seq 100); do
    if era get rollback -o json | grep -q '"RolledBack"'; then break; fi
    sleep 0.2
done
sleep 1
show era get rollback
show curl --silent 127.0.0.1:8084
show era history rollback

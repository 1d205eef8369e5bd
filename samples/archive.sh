#!/bin/sh
# Packs sample-web into an archive and prints a manifest that deploys it: fetched, verified by its digest,
# unpacked and started.
#
# usage: sh samples/archive.sh .build/release/sample-web [DIRECTORY] | era apply -f -
# Then:  curl 127.0.0.1:8085; era describe archive; era delete archive
set -eu
program=$1
directory=$(cd "${2:-$(mktemp -d)}" && pwd)

mkdir -p "$directory/hello-1.0.0/bin"
cp "$program" "$directory/hello-1.0.0/bin/hello"
tar -C "$directory/hello-1.0.0" -czf "$directory/hello-1.0.0.tar.gz" bin
rm -r "$directory/hello-1.0.0"
digest=$(sha256sum "$directory/hello-1.0.0.tar.gz" | cut -d ' ' -f 1)

cat <<YAML
apiVersion: era.dev/v1
kind: Deployment
metadata:
  name: archive
spec:
  version: "1.0.0"
  runtime: {plugin: process}
  artifact:
    source: file://$directory/hello-1.0.0.tar.gz
    digest: sha256:$digest
  command: [bin/hello]
  args: [--port, "8085", --name, archive]
  ports:
    - {name: http, port: 8085}
  health:
    startup: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 30}
YAML

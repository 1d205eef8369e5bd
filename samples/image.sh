#!/bin/sh
# Makes a container image out of programs of this host: these, the libraries that they need, and further files.
# Needs nothing but tar and sha256sum; what is the same comes to the same digest.
#
# usage: sh samples/image.sh NAME FILE.tar [-f DIRECTORY] PROGRAM…
#   NAME          what the image is called: registry.example.org/apps/web:1.2.0
#   FILE.tar      the OCI layout that is written, for `era artifact import` or skopeo (oci-archive:)
#   -f DIRECTORY  is put over the image's root directory
#   PROGRAM       comes into /usr/local/bin; the first is the entry point
# Then:  era artifact import FILE.tar
set -eu
umask 022
name=$1
output=$2
shift 2
files=
if [ "$1" = -f ]; then
    files=$2
    shift 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tree=$work/tree
mkdir -p "$tree/usr/local/bin" "$tree/etc" "$tree/tmp"
chmod 1777 "$tree/tmp"
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$tree/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$tree/etc/group"
for program in "$@"; do
    install -m 755 "$program" "$tree/usr/local/bin/"
    # What ldd refuses is linked statically.
    for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ )]*' || true); do
        install -D -m 755 "$library" "$tree$library"
    done
done
[ -z "$files" ] || cp -R "$files/." "$tree/"

archive() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -cf "$2" .; }

# put FILE: moves it to the blobs; sets digest and size.
blobs=$work/layout/blobs/sha256
mkdir -p "$blobs"
put() {
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    size=$(stat -c %s "$1")
    mv "$1" "$blobs/$digest"
}

# descriptor MEDIA_TYPE: of what was put last.
descriptor() { printf '"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s' "$1" "$digest" "$size"; }

case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*) architecture=$(uname -m) ;;
esac
archive "$tree" "$work/layer"
put "$work/layer"
layer=$(descriptor layer.v1.tar)
printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/usr/local/bin/%s"]},' \
    "$architecture" "$(basename "$1")" >"$work/config"
printf '"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$digest" >>"$work/config"
put "$work/config"
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{%s},"layers":[{%s}]}' \
    "$(descriptor config.v1+json)" "$layer" >"$work/manifest"
put "$work/manifest"
printf '{"schemaVersion":2,"manifests":[{%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
    "$(descriptor manifest.v1+json)" "$name" >"$work/layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"
archive "$work/layout" "$output.new"
mv "$output.new" "$output"

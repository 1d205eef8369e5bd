#!/bin/bash
# Makes the vectors anew, with keys that are thrown away: minisign, ssh-keygen, ssh-agent, openssl.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
rm -rf minisign ssh cosign
mkdir -p minisign ssh cosign
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'hello, artifact\n' >artifact
printf 'another artifact\n' >"$work/other"
printf '%064d' 0 >"$work/sixtyfour"
cp artifact "$work/artifact"
cd "$work"

for key in first second; do
    minisign -G -W -p "$here/minisign/$key.pub" -s "$key.key" >/dev/null
done
sign() { # NAME KEY FILE COMMENT [OPTION]
    minisign -S -s "$2.key" -m "$3" -x "$here/minisign/$1.minisig" -t "$4" "${@:5}" >/dev/null
}
sign prehashed first artifact 'timestamp:1750000000	file:artifact	hashed	version:1.2.0'
sign legacy first artifact 'version:v1.2.0' -l
sign other first other 'version:9.0.0'
sign stranger second artifact 'version:1.2.0'
sign sixtyfour first sixtyfour 'version:1.2.0' -l
sign silent first artifact 'nothing in particular'

for type in ed25519:256 ecdsa:256 ecdsa:384 ecdsa:521 rsa:2048; do
    name=${type/:/}
    ssh-keygen -q -t "${type%:*}" -b "${type#*:}" -N '' -C "$name" -f "$name"
    cp "$name.pub" "$here/ssh/$name.pub"
    ssh-keygen -lf "$name.pub" | cut -d' ' -f2 >"$here/ssh/$name.fingerprint"
    ssh-keygen -q -Y sign -n era -f "$name" <artifact >"$here/ssh/$name.sig"
done
ssh-keygen -q -Y sign -n era -O hashalg=sha256 -f ed25519256 <artifact >"$here/ssh/sha256.sig"
ssh-keygen -q -Y sign -n file -f ed25519256 <artifact >"$here/ssh/namespace.sig"
ssh-keygen -q -Y sign -n era -f ed25519256 <other >"$here/ssh/other.sig"
ssh-keygen -q -t ed25519 -N '' -f authority
ssh-keygen -q -s authority -I somebody -n somebody ed25519256.pub
eval "$(ssh-agent)" >/dev/null
ssh-add -q ed25519256
ssh-keygen -q -Y sign -n era -f ed25519256-cert.pub <artifact >"$here/ssh/certificate.sig"
kill "$SSH_AGENT_PID"
cp ed25519256-cert.pub "$here/ssh/certificate.pub"

for curve in prime256v1:256 secp384r1:384 secp521r1:512; do
    name=${curve%:*}
    openssl ecparam -genkey -noout -name "$name" -out "$name"
    openssl dgst -sha256 -sign "$name" artifact | base64 -w0 >"$here/cosign/$name.sig"
    openssl dgst -sha"${curve#*:}" -sign "$name" artifact | base64 -w0 >"$here/cosign/$name.long.sig"
done
openssl genrsa -out rsa 2048 2>/dev/null
openssl dgst -sha256 -sign rsa artifact | base64 -w0 >"$here/cosign/rsa.sig"
openssl genrsa -out short 1024 2>/dev/null
openssl genpkey -algorithm ed25519 -out ed25519
openssl pkeyutl -sign -rawin -inkey ed25519 -in artifact | base64 -w0 >"$here/cosign/ed25519.sig"
for name in prime256v1 secp384r1 secp521r1 rsa short ed25519; do
    openssl pkey -in "$name" -pubout -out "$here/cosign/$name.pub"
    openssl pkey -in "$name" -pubout -outform DER | sha256sum | cut -d' ' -f1 >"$here/cosign/$name.fingerprint"
done

# A bundle as cosign sign-blob writes it, and a payload as cosign sign writes it.
digest=$(openssl dgst -sha256 -binary artifact | base64 -w0)
printf '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"%s"},"tlogEntries":[]},"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"%s"},"signature":"%s"}}' \
    "$digest" "$digest" "$(cat "$here/cosign/prime256v1.sig")" >"$here/cosign/message.sigstore.json"
printf '{"critical":{"identity":{"docker-reference":"registry.example.org/team/app"},"image":{"docker-manifest-digest":"sha256:%064d"},"type":"cosign container image signature"},"optional":{"version":"v2.1.0"}}' \
    7 >"$here/cosign/payload.json"
openssl dgst -sha256 -sign prime256v1 "$here/cosign/payload.json" | base64 -w0 >"$here/cosign/payload.sig"

# What is signed of an envelope: DSSE, "PAE".
envelope() { # NAME STATEMENT
    local type=application/vnd.in-toto+json
    printf 'DSSEv1 %d %s %d %s' ${#type} "$type" "${#2}" "$2" >pae
    printf '{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},"dsseEnvelope":{"payload":"%s","payloadType":"%s","signatures":[{"sig":"%s"}]}}' \
        "$(printf %s "$2" | base64 -w0)" "$type" "$(openssl dgst -sha256 -sign prime256v1 pae | base64 -w0)" \
        >"$here/cosign/$1.sigstore.json"
}
statement() { # PREDICATE DIGEST
    printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"artifact","digest":{"sha256":"%s"}}],"predicateType":"%s","predicate":{}}' "$2" "$1"
}
sha=$(sha256sum artifact | cut -d' ' -f1)
envelope envelope "$(statement https://sigstore.dev/cosign/sign/v1 "$sha")"
envelope provenance "$(statement https://slsa.dev/provenance/v1 "$sha")"
envelope vulnerable "$(statement https://cosign.sigstore.dev/attestation/vuln/v1 "$sha")"
envelope elsewhere "$(statement https://sigstore.dev/cosign/sign/v1 "$(sha256sum other | cut -d' ' -f1)")"

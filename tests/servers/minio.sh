#!/bin/sh
# Prints the path of a MinIO server, which is built from its Go module once and kept outside the tree: tests
# run it, nothing ships it. Without Go it prints nothing and fails.
set -eu
version=v0.0.0-20260212201848-7aac2a2c5b7c
directory=${XDG_CACHE_HOME:-$HOME/.cache}/lode/servers/minio-$version
if [ ! -x "$directory/minio" ]; then
    command -v go > /dev/null || { echo 'no MinIO server: there is no go in PATH to build it with' >&2; exit 1; }
    echo "building a MinIO server, which takes minutes; it is kept in $directory" >&2
    mkdir -p "$directory"
    building=$(mktemp -d -p "$directory")
    trap 'rm -rf "$building"' EXIT
    # From a directory without a go.mod, and not with the GOFLAGS of the caller.
    (cd "$building" && env -u GOFLAGS GOBIN="$building" CGO_ENABLED=0 \
        go install -trimpath -ldflags='-s -w' "github.com/minio/minio@$version") >&2
    mv "$building/minio" "$directory/minio"
fi
echo "$directory/minio"

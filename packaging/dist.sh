#!/bin/sh
# Makes the source archive, which builds without a network. `make dist` calls it.
#
#   dist.sh OUT [tar]
#
# OUT/lode-VERSION.tar.gz, or with `tar` OUT/lode-VERSION.tar, holds what git knows of, as it is in the work
# tree, and below vendor/ every crate that Cargo.lock names. The same sources give the same archive.
set -eu
out=$1 form=${2:-tar.gz}
: "${CARGO:=cargo}"
cd "$(dirname "$0")/.."
version=$(make -s show-version)
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/lode-$version
mkdir -p "$tree/.cargo"
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- --ignore-failed-read | tar -x -C "$tree"
"$CARGO" vendor --quiet --locked --versioned-dirs "$tree/vendor"
cat >> "$tree/.cargo/config.toml" << 'END'
[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
END
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" \
    -cf "$work/lode.tar" "lode-$version"
[ "$form" = tar ] || gzip -n "$work/lode.tar"
mv "$work/lode.$form" "$out/lode-$version.$form"
echo "$out/lode-$version.$form"

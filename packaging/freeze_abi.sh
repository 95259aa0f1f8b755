#!/bin/sh
# Freezes the ABI of the version that is being released, below abi/VERSION. `make freeze-abi` calls it.
#
#   freeze_abi.sh VERSION
#
# What is frozen: the header, the list of symbols, and a program that uses them. Later versions are checked
# against all frozen ones. A version that is released is not frozen again.
set -eu
version=$1
cd "$(dirname "$0")/.."
grep -q "^## \[$version\] - Unreleased" CHANGELOG.md || {
    echo "CHANGELOG.md says that $version is released: its ABI is frozen already, in abi/$version" >&2
    exit 1
}
mkdir -p "abi/$version"
cp include/lode.h abi/symbols "abi/$version/"
cp examples-c/stream_write_records.c "abi/$version/program.c"

#!/usr/bin/env bash
# The checks that take minutes: the model check's deep scenarios, then the soak of soak.py for SOAK_SECONDS
# (300). `make soak` calls it; build/lib must be there (`make lib`).
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${CC:=cc}" "${CARGO:=cargo}" "${CFLAGS:=-O2}" "${BUILD:=build}"
OUT=$PWD/$BUILD/soak
LIB=$PWD/$BUILD/lib
mkdir -p "$OUT"

LODE_SOAK=1 "$CARGO" test --release -p lode-core --lib every_interleaving -- --nocapture | tee "$OUT/model"
grep -q '^test result: ok. [1-9]' "$OUT/model" || { echo "the model check was not run" >&2; exit 1; }

sh packaging/need.sh python3 python3 -- "Python 3 (on Debian: apt-get install python3)"
# The auditor verifies xxh3 checksums with a module that Python comes without.
export PYTHONPATH=$PWD/$BUILD/python
python3 -c 'import xxhash' 2> /dev/null ||
    python3 -m pip install --quiet --disable-pip-version-check --target "$PYTHONPATH" xxhash || true
# shellcheck disable=SC2086
$CC -std=c11 -Wall -Wextra -Wpedantic -Werror $CFLAGS -Iinclude tests/soak/soak.c -o "$OUT/soak" \
    -L"$LIB" -Wl,-rpath,"$LIB" -llode
python3 tests/soak/soak.py "$OUT/soak"

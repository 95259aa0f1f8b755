#!/usr/bin/env bash
# The checks that take minutes: the model check's deep scenarios, clean-ups beside writers that are killed, a
# thousand parts of processes that are killed, then the soak of soak.py for SOAK_SECONDS (300), and that of
# bucket_soak.py on a MinIO server for as long. `make soak` calls it; build/lib and build/full/lib must be
# there (`make lib full`).
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${CC:=cc}" "${CARGO:=cargo}" "${CFLAGS:=-O2}" "${BUILD:=build}"
OUT=$PWD/$BUILD/soak
LIB=$PWD/$BUILD/lib
mkdir -p "$OUT"

LODE_SOAK=1 "$CARGO" test --release -p lode-core --lib every_interleaving -- --nocapture | tee "$OUT/model"
grep -q '^test result: ok. [1-9]' "$OUT/model" || { echo "the model check was not run" >&2; exit 1; }
LODE_SOAK_ROUNDS=400 "$CARGO" test --release -p lode-core --lib collect_kills

sh packaging/need.sh python3 python3 -- "Python 3 (on Debian: apt-get install python3)"
# The auditor verifies xxh3 checksums with a module that Python comes without.
export PYTHONPATH=$PWD/$BUILD/python
python3 -c 'import xxhash' 2> /dev/null ||
    python3 -m pip install --quiet --disable-pip-version-check --target "$PYTHONPATH" xxhash || true
build() { # PROGRAM SOURCE [LIBRARIES]
    local lib=${3:-$LIB}
    # shellcheck disable=SC2086
    $CC -std=c11 -Wall -Wextra -Wpedantic -Werror $CFLAGS -pthread -Iinclude "$2" -o "$OUT/$1" -L"$lib" -Wl,-rpath,"$lib" -llode
}
build parts examples-c/parts.c
build cat examples-c/cat.c
python3 tests/c/many_parts.py "$OUT/parts" "$OUT/cat" --parts 10000 --kills 40
build soak tests/soak/soak.c
python3 tests/soak/soak.py "$OUT/soak"
build bucket_soak tests/soak/soak.c "$PWD/$BUILD/full/lib"
python3 -B tests/soak/bucket_soak.py "$OUT/bucket_soak"
LODE_SOAK=1 tests/c/run.sh interop_in_a_bucket

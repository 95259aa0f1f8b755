#!/usr/bin/env bash
# Compiles and runs every check of the C side: header, libraries, installation, examples, C tests, those tests
# under tools.
#
#   run.sh [PATTERN...]      only the checks whose name matches one of the shell patterns
#
# The checks are in checks/, a file for each subject. `make check` calls this; build/lib and build/bin must be
# there (`make examples`). A check whose tool is missing and cannot be installed is skipped and says so; with
# LODE_STRICT=1 it fails. Ends with a line "N passed, N failed, N skipped"; the exit status is 0 if none
# failed and one ran.
set -u
cd "$(dirname "$0")/../.." || exit 1
HERE=$PWD
: "${CC:=cc}" "${CXX:=c++}" "${CFLAGS:=-O2}" "${CARGO:=cargo}" "${BUILD:=build}" "${LODE_STRICT:=0}"
: "${STATIC_LIBS:=$(make -s show-static-libs)}"
export CC CXX CFLAGS CARGO BUILD
[ $# -gt 0 ] || set -- '*'
PATTERNS=("$@")
OUT=$HERE/$BUILD/tests
# Of these, some are for the files of checks/ only.
# shellcheck disable=SC2034
LIB=$HERE/$BUILD/lib BIN=$HERE/$BUILD/bin C_STRICT="-std=c11 -Wall -Wextra -Wpedantic -Werror"
SKIP=77
passed=0 failed=0 skipped=0
rm -rf "$OUT" && mkdir -p "$OUT"
# Temporary stores go below one directory, so that a test which leaves something is found out.
TMPDIR=$(mktemp -d) && export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

chosen() { # NAME
    local pattern
    for pattern in "${PATTERNS[@]}"; do
        # shellcheck disable=SC2254
        case $1 in $pattern) return 0 ;; esac
    done
    return 1
}

# check NAME COMMAND...: runs the command; its output is shown when it fails, its "skipped" lines always.
check() {
    local name=$1 log=$OUT/$1.log status begun=$SECONDS
    shift
    chosen "$name" || return
    ("$@") > "$log" 2>&1 # a shell of its own, which `need` may leave
    status=$?
    if [ $status = $SKIP ] && [ "$LODE_STRICT" = 1 ]; then
        echo "LODE_STRICT=1: a skipped check is a failure" >> "$log"
        status=1
    fi
    if [ $status = 0 ] && [ "$LODE_STRICT" = 1 ] && grep -q 'skipped:\|skipped [0-9]' "$log"; then
        echo "LODE_STRICT=1: a part that was skipped is a failure" >> "$log"
        status=1
    fi
    case $status in
    0) passed=$((passed + 1)) && echo "ok       $name ($((SECONDS - begun)) s)" && grep 'skipped:\|skipped [0-9]\|^stack:\|^size:\|^memory:\| problems$' "$log" ;;
    "$SKIP") skipped=$((skipped + 1)) && echo "skipped  $name: $(tail -n 1 "$log")" ;;
    *) failed=$((failed + 1)) && echo "FAILED   $name" && sed 's/^/         /' "$log" | tail -n 60 ;;
    esac
}

# need COMMAND PACKAGE...: the tool is there, or is installed; else the check is skipped.
need() {
    local tool=$1
    shift
    sh packaging/need.sh "$tool" "$@" -- "apt-get install $*" && return 0
    exit $SKIP
}

# The auditor verifies xxh3 checksums with a module that Python comes without.
auditor() {
    need python3 python3
    export PYTHONPATH=$HERE/$BUILD/python
    python3 -c 'import xxhash' 2> /dev/null ||
        python3 -m pip install --quiet --disable-pip-version-check --target "$PYTHONPATH" xxhash || true
}

# compile NAME LIBRARIES...: tests/c/NAME.c, linked with the shared library, as $OUT/NAME.
compile() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    $CC $C_STRICT $CFLAGS -g -Iinclude "tests/c/$name.c" -o "$OUT/$name" -L"$LIB" -Wl,-rpath,"$LIB" -llode "$@"
}

# refuses STATUS FRAGMENT COMMAND...: the command ends with STATUS, says FRAGMENT on stderr and nothing on
# stdout.
refuses() {
    local want=$1 fragment=$2 out status
    shift 2
    out=$("$@" 2> "$OUT/refused")
    status=$?
    if [ $status != "$want" ] || [ -n "$out" ] || ! grep -qF -- "$fragment" "$OUT/refused"; then
        echo "$*: status $status (expected $want), stdout '$out', stderr (expected $fragment):" && cat "$OUT/refused"
        return 1
    fi
}

nothing_left() {
    local left
    left=$(ls -A "$TMPDIR")
    [ -z "$left" ] || { echo "left in the directory for temporary files: $left" && return 1; }
}

for subject in header library abi install examples programs parquet pages buckets python dask zig packages hosts cpp go consumers kills; do
    # shellcheck source=/dev/null
    . "tests/c/checks/$subject.sh"
done
check nothing_left nothing_left

if [ $((passed + failed + skipped)) = 0 ]; then
    echo "no check is called ${PATTERNS[*]}" >&2
    failed=1
fi
if [ $skipped = 0 ]; then
    echo "$passed passed, $failed failed"
else
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ $failed = 0 ]

#!/bin/sh
# Builds the wheel of the Python package, with build/lib/liblode.a inside. `make wheel` calls it.
#
#   wheel.sh OUT
#
# The wheel appears in the directory OUT, as the only file there that ends in .whl. It serves every Python
# from 3.9 on, on this system and machine. Zstandard goes in with it if its static library is there.
set -eu
out=$1
: "${BUILD:=build}" "${PYTHON:=python3}"
here=$(cd "$(dirname "$0")/.." && pwd)
sh "$here/packaging/need.sh" "$PYTHON" python3 -- 'Python 3.9 or later (on Debian: apt-get install python3)'
headers=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')
# Of several Pythons only the system's own has its headers in a package.
[ -e "$headers/Python.h" ] || sh "$here/packaging/need.sh" no-such-tool python3-dev -- '' 2> /dev/null || true
[ -e "$headers/Python.h" ] || {
    echo "missing: $headers/Python.h, the headers of $PYTHON (on Debian: apt-get install python3-dev)" >&2
    exit 1
}
mkdir -p "$out"
out=$(cd "$out" && pwd)
# A copy is built, since setuptools writes beside its sources.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$here/bindings/python/." "$work"
rm -rf "$work/build" "$work"/src/*.egg-info
rm -f "$out"/*.whl
LODE_INCLUDE_DIR=$here/include LODE_LIB_DIR=$here/$BUILD/lib LODE_STATIC_LIBS=${STATIC_LIBS:-$(make -C "$here" -s show-static-libs)} \
    "$PYTHON" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$out" "$work"

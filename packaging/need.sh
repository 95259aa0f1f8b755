#!/bin/sh
# Checks that a tool is there; installs it where that is possible, else says what is missing and how to get
# it.
#
#   need.sh COMMAND PACKAGE... -- WHAT IT IS AND HOW TO GET IT
#   need.sh --library PKG_CONFIG_NAME PACKAGE... -- WHAT IT IS AND HOW TO GET IT
#   need.sh --rust CARGO VERSION
#
# With LODE_SETUP=no nothing is installed.
set -u

install_packages() {
    [ "${LODE_SETUP:-}" != no ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null 2>&1 || return 1
    echo "installing $*" >&2
    export DEBIAN_FRONTEND=noninteractive
    # LODE_APT_OPTIONS is split on purpose.
    # shellcheck disable=SC2086
    apt-get install -y -qq ${LODE_APT_OPTIONS:-} "$@" > /dev/null 2>&1 ||
        { apt-get update -qq > /dev/null 2>&1 && apt-get install -y -qq ${LODE_APT_OPTIONS:-} "$@" > /dev/null 2>&1; }
}

if [ "$1" = --rust ]; then
    cargo=$2
    needed=$3
    how="Rust $needed or newer is needed (https://rustup.rs: rustup toolchain install stable)"
    command -v "$cargo" > /dev/null 2>&1 || install_packages cargo rustc || true
    if ! command -v "$cargo" > /dev/null 2>&1; then
        echo "missing: $cargo. $how" >&2
        exit 1
    fi
    found=$("$cargo" --version | cut -d ' ' -f 2)
    newest=$(printf '%s\n%s\n' "$needed" "$found" | sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1)
    if [ "$newest" != "$found" ]; then
        echo "too old: $cargo $found. $how" >&2
        exit 1
    fi
    exit 0
fi

is_there() {
    if [ "$kind" = library ]; then pkg-config --exists "$1"; else command -v "$1" > /dev/null 2>&1; fi
}

kind=tool
if [ "$1" = --library ]; then
    kind=library
    shift
fi
tool=$1
shift
packages=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    packages="$packages $1"
    shift
done
[ $# -gt 0 ] && shift
# $tool and $packages are split on purpose: CC may hold flags, and there may be several packages.
# shellcheck disable=SC2086
set -- "$*" $tool
is_there "$2" && exit 0
# shellcheck disable=SC2086
install_packages $packages
is_there "$2" && exit 0
echo "missing: $2. What it is and how to get it: $1" >&2
exit 1

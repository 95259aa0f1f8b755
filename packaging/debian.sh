#!/bin/sh
# Builds the Debian packages liblode0, liblode-dev and lode. `make deb` calls it.
#
#   debian.sh OUT
#
# The packages and a .changes file appear in the directory OUT. What build/ holds already is taken over where
# no source is newer. Rust may come from elsewhere than Debian, whose own may be too old, so the packages that
# packaging/debian/control names for the build are not insisted on.
set -eu
out=$1
: "${BUILD:=build}"
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
sh packaging/need.sh dpkg-buildpackage dpkg-dev -- 'the tools that build Debian packages (apt-get install dpkg-dev)'
sh packaging/need.sh dh debhelper -- 'debhelper (apt-get install debhelper)'
sh packaging/need.sh fakeroot fakeroot -- 'fakeroot (apt-get install fakeroot)'
version=$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' packaging/debian/changelog)
[ "$version" = "$(make -s show-version)" ] || {
    echo "packaging/debian/changelog is of version $version, and the library of $(make -s show-version)" >&2
    exit 1
}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/lode-$version
mkdir "$tree"
# With the files' times, by which make sees what is built.
git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- --ignore-failed-read | tar -xp -C "$tree"
[ ! -e "$BUILD/lib/.built" ] || { mkdir -p "$tree/build" && cp -a "$BUILD/lib" "$BUILD/bin" "$BUILD/share" "$tree/build/"; }
[ ! -e "$BUILD/.features" ] || cp -a "$BUILD/.features" "$tree/build/"
cp -a packaging/debian "$tree/debian"
(
    cd "$tree"
    # Variables of the make that runs this must not reach the package's own.
    unset MAKEFLAGS MFLAGS MAKEOVERRIDES DESTDIR PREFIX LIBDIR INCLUDEDIR BINDIR DATADIR BUILD
    SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp) CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target} \
        dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes --no-check-builddeps
)
rm -f "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out/"

# shellcheck shell=bash
# What packagers need to know, the source archive and the Debian packages.

# What a program needs beside liblode.a is what rustc says.
static_libraries() {
    need "$CARGO" cargo
    "$CARGO" rustc --lib --crate-type staticlib -- --print native-static-libs 2>&1 | tee "$OUT/native" |
        sed -n 's/.*native-static-libs: *//p' | tail -n 1 | xargs -n 1 | sort -u > "$OUT/native.libraries"
    [ -s "$OUT/native.libraries" ] || { cat "$OUT/native" && return 1; }
    # shellcheck disable=SC2086
    printf '%s\n' $STATIC_LIBS | sort -u | diff "$OUT/native.libraries" -
}

# The archive holds all that a build takes, and the same sources give the same archive.
source_archive() {
    need "$CARGO" cargo
    local archive version
    version=$(plain_make show-version) || return 1
    archive=$OUT/dist/lode-$version.tar.gz
    env -u MAKEFLAGS sh packaging/dist.sh "$OUT/dist" && mkdir -p "$OUT/dist/unpacked" && tar -xzf "$archive" -C "$OUT/dist/unpacked" || return 1
    # Without a network, and without what cargo has at home.
    (cd "$OUT/dist/unpacked/lode-$version" &&
        CARGO_HOME=$OUT/dist/home CARGO_TARGET_DIR=$OUT/dist/target "$CARGO" check --quiet --offline --locked --lib) || return 1
    (cd "$OUT/dist/unpacked/lode-$version" && CARGO_HOME=$OUT/dist/home "$CARGO" metadata --offline --locked --all-features --format-version 1 > /dev/null) || return 1
    # Compressing is what takes longest, and gzip -n adds nothing of its own.
    env -u MAKEFLAGS sh packaging/dist.sh "$OUT/dist" tar && gzip -dc "$archive" | cmp - "${archive%.gz}"
}

# The packages are clean, install into a root of their own, and serve a program; what they install is gone
# when they are.
debian_packages() {
    need dpkg-buildpackage dpkg-dev
    need dh debhelper
    need fakeroot fakeroot
    need lintian lintian
    need pkg-config pkg-config
    local root=$OUT/deb/root packages arch
    packages=$OUT/deb/packages
    sh packaging/debian.sh "$packages" || return 1
    # Lintian leaves files behind in its directory for temporary files now and then.
    mkdir -p "$OUT/deb/tmp" || return 1
    TMPDIR=$OUT/deb/tmp lintian --allow-root --fail-on error,warning "$packages"/*.changes || { echo "lintian" && return 1; }
    mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" && touch "$root/var/lib/dpkg/status" || return 1
    # Into a root that has nothing else, so what they depend on is not there either.
    dpkg --root="$root" --log="$OUT/deb/log" --force-depends --install "$packages"/*.deb || return 1
    arch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
    PLACE=$root/usr LIB_PART=lib/$arch consume_pkg_config || return 1
    [ "$(printf '{"n":1}\n' | LD_LIBRARY_PATH= "$root/usr/bin/lode" ingest "$TMPDIR/deb" events | wc -l)" = 1 ] && rm -rf "$TMPDIR/deb" || return 1
    [ -e "$root/usr/share/man/man1/lode-ingest.1.gz" ] && [ -e "$root/usr/share/bash-completion/completions/lode" ] || return 1
    if grep -rlF "$HERE" "$root/usr"; then
        echo "an installed file names the directory in which it was built" && return 1
    fi
    dpkg --root="$root" --log="$OUT/deb/log" --purge lode liblode-dev liblode0 || return 1
    if find "$root" -name '*lode*' | grep .; then
        echo "left by a purge" && return 1
    fi
}

check static_libraries static_libraries
check source_archive source_archive
check debian_packages debian_packages

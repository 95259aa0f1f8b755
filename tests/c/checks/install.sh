# shellcheck shell=bash
# `make install` and `make uninstall`, and programs built against what they install.

# A make of its own: variables given to the make that runs the checks must not reach it.
plain_make() {
    env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u DESTDIR -u PREFIX -u LIBDIR -u INCLUDEDIR make -s "$@"
}

# ---- What is installed and removed ----

# in_fresh_root NAME FUNCTION: a fresh directory in $ROOT, removed after the function has run.
in_fresh_root() {
    ROOT=$TMPDIR/install-$1
    rm -rf "$ROOT" && mkdir "$ROOT" || return 1
    "$2" || return 1
    rm -rf "$ROOT"
}

# leaves_nothing MAKE_VARIABLE...: `make uninstall` removes what `make install` put below $ROOT, directories
# and all.
leaves_nothing() {
    plain_make uninstall "$@" || return 1
    if find "$ROOT" -mindepth 1 | grep .; then
        echo "left by make uninstall $*" && return 1
    fi
}

install_layout() {
    local version stray
    version=$(plain_make show-version)
    plain_make install PREFIX="$ROOT/p" || return 1
    (cd "$ROOT/p" && find . ! -type d | LC_ALL=C sort) > "$OUT/installed"
    {
        for header in include/*.h* include/lode/*.hpp; do echo "./$header"; done
        printf './share/man/man1/%s\n' $(cd "$BUILD/share/man1" && ls)
        printf '%s\n' ./bin/lode ./share/bash-completion/completions/lode ./share/fish/vendor_completions.d/lode.fish \
            ./share/zsh/site-functions/_lode
        printf '%s\n' ./lib/cmake/lode/lodeConfig.cmake ./lib/cmake/lode/lodeConfigVersion.cmake ./lib/liblode.a \
            ./lib/liblode.so "./lib/liblode.so.${version%%.*}" "./lib/liblode.so.$version" ./lib/pkgconfig/lode.pc
    } | LC_ALL=C sort | diff - "$OUT/installed" || return 1
    if grep -rlF "$HERE" "$ROOT/p"; then
        echo "an installed file names the directory in which it was built" && return 1
    fi
    # A second time over the first, then away; a file of another package stays.
    plain_make install PREFIX="$ROOT/p" || return 1
    stray=$ROOT/p/lib/pkgconfig/other.pc
    touch "$stray"
    plain_make uninstall PREFIX="$ROOT/p" || return 1
    [ "$(find "$ROOT/p" ! -type d)" = "$stray" ] || { find "$ROOT/p" && echo "is not what make uninstall should leave" && return 1; }
    rm "$stray"
    leaves_nothing PREFIX="$ROOT/p" || return 1

    # Trailing and doubled slashes, a directory of libraries below another name, and outside of PREFIX.
    plain_make install PREFIX="$ROOT//p/./" && grep -qx 'prefix=${pcfiledir}/../..' "$ROOT/p/lib/pkgconfig/lode.pc" || return 1
    leaves_nothing PREFIX="$ROOT//p/./" || return 1
    plain_make install PREFIX="$ROOT/p" LIBDIR="$ROOT/p/lib/some-arch" || return 1
    grep -qx 'prefix=${pcfiledir}/../../..' "$ROOT/p/lib/some-arch/pkgconfig/lode.pc" || return 1
    leaves_nothing PREFIX="$ROOT/p" LIBDIR="$ROOT/p/lib/some-arch" || return 1
    plain_make install PREFIX="$ROOT/p" LIBDIR="$ROOT/l i b" INCLUDEDIR="$ROOT/inc" || return 1
    leaves_nothing PREFIX="$ROOT/p" LIBDIR="$ROOT/l i b" INCLUDEDIR="$ROOT/inc" || return 1
    # The directories of the system's own hierarchy are not ours to remove.
    plain_make install DESTDIR="$ROOT/stage" PREFIX=/usr/local && plain_make uninstall DESTDIR="$ROOT/stage" PREFIX=/usr/local || return 1
    [ -d "$ROOT/stage/usr/local/lib" ] && [ ! -e "$ROOT/stage/usr/local/lib/cmake" ]
}

# Paths that the installed files could not hold are refused, and nothing is written.
install_refuses() {
    local character value
    for character in '"' "'" '`' '\' ';' ':' ',' '#' '<' '>' '*' '?' '|' '(' ')' '[' ']' $'\n' $'\t' '$$'; do
        value=$ROOT/a${character}b
        refuses 2 "make install: PREFIX=$ROOT/a" plain_make install PREFIX="$value" || return 1
    done
    for value in PREFIX LIBDIR INCLUDEDIR BINDIR DATADIR; do
        refuses 2 "make install: $value=$ROOT/a;b has a character" plain_make install PREFIX="$ROOT/p" "$value=$ROOT/a;b" || return 1
        refuses 2 "make install: $value=some/where is not an absolute path" plain_make install PREFIX="$ROOT/p" "$value=some/where" || return 1
        refuses 2 "is not an absolute path" plain_make install PREFIX="$ROOT/p" "$value=" || return 1
    done
    [ ! -e some ] || { echo "a refused make install wrote below the source" && return 1; }
    if find "$ROOT" -mindepth 1 | grep .; then
        echo "written by a refused make install" && return 1
    fi
}

# `make install` runs no package manager, as root neither; and needs no cargo for what is built.
install_only_installs() {
    local bin=$ROOT/bin
    mkdir "$bin" "$ROOT/empty" || return 1
    plain_make install PREFIX="$ROOT/p" || return 1 # what is not built yet is built now, by cargo
    printf '#!/bin/sh\necho "apt-get $*" >> %q\n' "$ROOT/calls" > "$bin/apt-get"
    printf '#!/bin/sh\n[ "$*" = -u ] && echo 0 || exec /usr/bin/id "$@"\n' > "$bin/id"
    chmod +x "$bin"/*
    PATH=$bin:$PATH
    plain_make install PREFIX="$ROOT/p" CARGO=no-such-cargo || return 1
    leaves_only bin empty p || return 1
    refuses 2 "missing: no-such-cargo" plain_make install PREFIX="$ROOT/q" BUILD="$ROOT/empty" CARGO=no-such-cargo || return 1
    grep -q 'installs no packages' "$OUT/refused" || { cat "$OUT/refused" && return 1; }
    refuses 2 "missing: no-such-cc" plain_make install PREFIX="$ROOT/q" BUILD="$ROOT/empty" CC=no-such-cc || return 1
    leaves_only bin empty p || return 1
    # The trap works: the set-up that comes before a build does ask for the package.
    refuses 2 "missing: no-such-cargo" plain_make tools CARGO=no-such-cargo || return 1
    grep -q 'apt-get install.* cargo' "$ROOT/calls"
}

leaves_only() { # NAME...: all there is in $ROOT
    [ "$(find "$ROOT" -mindepth 1 -maxdepth 1 -printf '%f\n' | LC_ALL=C sort | xargs)" = "$*" ] || { ls -A "$ROOT" && echo "in place of: $*" && return 1; }
}

# ---- Programs built against it ----

# runs PROGRAM shared|static: the program works, with the shared library of $PLACE or with none.
runs() {
    local linked
    linked=$(LD_LIBRARY_PATH=$PLACE/$LIB_PART ldd "$1") || return 1
    case $2 in
    shared) grep -qF "=> $PLACE/$LIB_PART/liblode.so" <<< "$linked" ;;
    static) ! grep liblode <<< "$linked" ;;
    esac || { echo "$1 is not linked $2:" && echo "$linked" && return 1; }
    LD_LIBRARY_PATH=$PLACE/$LIB_PART "$1" > "$OUT/ran" || { cat "$OUT/ran" && return 1; }
}

consume_pkg_config() {
    local flags linkage
    export PKG_CONFIG_PATH=$PLACE/$LIB_PART/pkgconfig
    [ "$(pkg-config --modversion lode)" = "$(plain_make show-version)" ] || return 1
    for linkage in shared static; do
        if [ $linkage = shared ]; then
            flags=$(pkg-config --cflags --libs lode)
        else
            flags=$(pkg-config --static --cflags --libs lode | sed 's/-llode/-l:liblode.a/')
        fi || return 1
        # What pkg-config prints is quoted for a shell to read.
        eval "$CC -std=c11 examples-c/stream_write_records.c -o \"\$OUT/consumer\" $flags" || return 1
        runs "$OUT/consumer" $linkage || return 1
    done
}

consume_cmake() {
    local project=$OUT/cmake-consumer
    rm -rf "$project" && mkdir -p "$project"
    cat > "$project/CMakeLists.txt" <<- EOF
		cmake_minimum_required(VERSION 3.16)
		project(consumer C)
		set(CMAKE_C_STANDARD 11)
		find_package(lode 0.1 CONFIG REQUIRED)
		add_executable(shared $HERE/examples-c/stream_write_records.c)
		target_link_libraries(shared PRIVATE lode::lode)
		add_executable(static $HERE/examples-c/stream_write_records.c)
		target_link_libraries(static PRIVATE lode::lode_static)
	EOF
    cmake -S "$project" -B "$project/build" -Dlode_DIR="$PLACE/$LIB_PART/cmake/lode" && cmake --build "$project/build" &&
        runs "$project/build/shared" shared && runs "$project/build/static" static
}

# A tree without one of its libraries serves the other; without both, or the header, it is not found, and says
# why.
incomplete_package() {
    need cmake cmake
    local project=$OUT/cmake-incomplete
    rm -rf "$project" && mkdir "$project" && plain_make install PREFIX="$ROOT/p" || return 1
    cat > "$project/CMakeLists.txt" <<- 'EOF'
		cmake_minimum_required(VERSION 3.16)
		project(consumer C)
		find_package(lode CONFIG REQUIRED)
		foreach(target lode::lode lode::lode_static)
		  if(TARGET ${target})
		    message(STATUS "has ${target}")
		  endif()
		endforeach()
	EOF
    finds_targets() { # TARGET...
        rm -rf "$project/build"
        cmake -S "$project" -B "$project/build" -Dlode_DIR="$ROOT/p/lib/cmake/lode" > "$OUT/cmake.log" 2>&1 &&
            [ "$(sed -n 's/^-- has //p' "$OUT/cmake.log" | xargs)" = "$*" ] || { cat "$OUT/cmake.log" && return 1; }
    }
    finds_targets lode::lode lode::lode_static || return 1
    mv "$ROOT/p/lib/liblode.a" "$ROOT/liblode.a" && finds_targets lode::lode || return 1
    mv "$ROOT/p/lib/liblode.so"* "$ROOT" && ! finds_targets > "$OUT/ran" && grep -q 'neither liblode.so' "$OUT/ran" || return 1
    mv "$ROOT/liblode.a" "$ROOT/p/lib/" && finds_targets lode::lode_static || return 1
    rm "$ROOT/p/include/lode.h" && ! finds_targets > "$OUT/ran" && grep -q 'lode.h is missing' "$OUT/ran"
}

# consumers FUNCTION: installs in every way, and has the function build against each.
consumers() {
    LIB_PART=lib
    PLACE=$ROOT/plain
    plain_make install PREFIX="$PLACE" && "$1" || return 1
    # A prefix that needs quoting, moved to another.
    plain_make install PREFIX="$ROOT/a & b=~{é}" && PLACE="$ROOT/some where/else & more" || return 1
    mkdir "$ROOT/some where" && mv "$ROOT/a & b=~{é}" "$PLACE" && "$1" || return 1
    # Staged for one place and used from the stage, the libraries two directories down.
    LIB_PART=lib/some-arch PLACE=$ROOT/stage/usr
    plain_make install DESTDIR="$ROOT/stage" PREFIX=/usr LIBDIR=/usr/lib/some-arch && "$1" || return 1
    # Libraries and headers outside of the prefix.
    LIB_PART='l i b' PLACE=$ROOT
    plain_make install PREFIX="$ROOT/p" LIBDIR="$ROOT/l i b" INCLUDEDIR="$ROOT/in c" && "$1" || return 1
    # Directories of libraries that a symbolic link leads elsewhere.
    LIB_PART=lib PLACE=$ROOT/linked
    mkdir -p "$ROOT/linked" "$ROOT/far/away" && ln -s "$ROOT/far/away" "$ROOT/linked/lib" || return 1
    plain_make install PREFIX="$PLACE" && "$1" || return 1
    LIB_PART=lib64 PLACE=$ROOT/merged
    mkdir -p "$PLACE/lib" && ln -s lib "$PLACE/lib64" || return 1
    plain_make install PREFIX="$PLACE" && "$1"
}

# The tool, its manual pages and the completions of shells, below $ROOT.
installed_tool() {
    plain_make install PREFIX="$ROOT/p" || return 1
    local lode=$ROOT/p/bin/lode page id
    id=$(printf '{"n":1}\n' | "$lode" ingest "$ROOT/store" events) || return 1
    [ "$("$lode" cat "$ROOT/store" events "$id")" = '{"n":1}' ] || return 1
    for page in lode $("$lode" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/lode-\1/p' | grep -v help); do
        grep -q '^.TH lode' "$ROOT/p/share/man/man1/$page.1" || { echo "no manual page $page(1)" && return 1; }
    done
    bash -n "$ROOT/p/share/bash-completion/completions/lode" || return 1
    grep -q '^#compdef lode' "$ROOT/p/share/zsh/site-functions/_lode" || return 1
    grep -q 'complete -c lode' "$ROOT/p/share/fish/vendor_completions.d/lode.fish" || return 1
}

# FEATURES=… installs a library that has them, shared and static.
install_features() {
    need pkg-config pkg-config
    local linkage flags features='object-store parquet'
    [ -e "$BUILD/full/lib/liblode.a" ] || { echo "there is no $BUILD/full: make full builds it" && exit "$SKIP"; }
    plain_make install BUILD="$BUILD/full" FEATURES="$features" PREFIX="$ROOT/p" || return 1
    cat > "$OUT/features.c" <<- 'EOF'
		#include <lode.h>
		#include <stdio.h>
		int main(void)
		{
		    lode_store *store = NULL;
		    int bucket = lode_store_open_url("s3://bucket/prefix", "{\"credentials\": \"anonymous\"}", NULL, NULL, &store, NULL) == LODE_OK;
		    lode_store_free(store);
		    printf("%d %d %d %d\n", lode_has_feature("object-store"), lode_has_feature("parquet"), lode_has_feature("none"), bucket);
		    return 0;
		}
	EOF
    export PKG_CONFIG_PATH=$ROOT/p/lib/pkgconfig
    for linkage in shared static; do
        flags=$(pkg-config --cflags --libs lode)
        [ $linkage = shared ] || flags=$(pkg-config --static --cflags --libs lode | sed 's/-llode/-l:liblode.a/')
        # shellcheck disable=SC2086
        $CC $C_STRICT "$OUT/features.c" -o "$OUT/features" $flags || return 1
        [ "$(LD_LIBRARY_PATH=$ROOT/p/lib "$OUT/features")" = '1 1 0 1' ] || { echo "$linkage: $("$OUT/features")" && return 1; }
    done
    leaves_nothing BUILD="$BUILD/full" PREFIX="$ROOT/p"
}

consumers_pkg_config() { consumers consume_pkg_config; }
consumers_cmake() { consumers consume_cmake; }
pkg_config_consumer() { need pkg-config pkg-config && in_fresh_root pkg-config consumers_pkg_config; }
cmake_consumer() { need cmake cmake && in_fresh_root cmake consumers_cmake; }

# ---- One policy of versions: within a major version, 0 included, the ABI only grows. ----

# cmake_finds VERSION REQUEST...: whether the package of that version serves find_package(lode REQUEST...).
cmake_finds() {
    local directory=$OUT/cmake-version
    rm -rf "$directory" && mkdir -p "$directory/package" || return 1
    sed -e "s/@VERSION@/$1/; s/@VERSION_MAJOR@/${1%%.*}/; s/@POINTER_BYTES@/8/" packaging/lodeConfigVersion.cmake.in \
        > "$directory/package/lodeConfigVersion.cmake"
    touch "$directory/package/lodeConfig.cmake"
    shift
    cat > "$directory/CMakeLists.txt" <<- EOF
		cmake_minimum_required(VERSION 3.19)
		project(consumer NONE)
		find_package(lode $* CONFIG REQUIRED)
	EOF
    cmake -S "$directory" -B "$directory/build" -Dlode_DIR="$directory/package" > "$directory/log" 2>&1
}

version_policy() {
    need readelf binutils
    need cmake cmake
    local version major library
    version=$(plain_make show-version) && major=${version%%.*}
    [ "$version" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] || return 1
    [ "$version" = "$(printf '#include <lode.h>\nLODE_VERSION_MAJOR LODE_VERSION_MINOR LODE_VERSION_PATCH\n' |
        $CC -E -P -Iinclude - | tail -n 1 | tr ' ' .)" ] || { echo "lode.h is of another version" && return 1; }
    library=$LIB/liblode.so
    readelf -d "$library" | grep -qF "soname: [liblode.so.$major]" || { echo "the soname is not liblode.so.$major" && return 1; }
    [ "$(basename "$(readlink -f "$library")")" = "liblode.so.$version" ] || return 1
    for page in README.md CHANGELOG.md docs/*.md; do
        [ -e "$page" ] || continue
        # liblode.so.0 and liblode.so.0.x.y, and no other.
        if grep -noE 'liblode\.so\.[0-9][0-9.]*' "$page" | grep -vE ":liblode\.so\.$major\.?$"; then
            echo "$page names another soname than liblode.so.$major" && return 1
        fi
    done
    grep -q "liblode\.so\.$major" README.md || { echo "README.md does not name the soname" && return 1; }

    local request
    for request in "" 0 0.1 0.1.7 0.3 "0.3.2 EXACT" 0.1...0.9 "0.1...<0.4" 0.1...1.0; do
        # shellcheck disable=SC2086
        cmake_finds 0.3.2 $request || { echo "0.3.2 does not serve \"$request\"" && cat "$OUT/cmake-version/log" && return 1; }
    done
    for request in 0.4 0.3.3 1 1.0 "0.3.1 EXACT" 0.4...0.9 "0.1...<0.3.2" 0.1...0.2 1.0...2.0; do
        # shellcheck disable=SC2086
        if cmake_finds 0.3.2 $request; then
            echo "0.3.2 serves \"$request\"" && return 1
        fi
    done
}

check install_layout in_fresh_root layout install_layout
check install_refuses in_fresh_root refuses install_refuses
check install_only_installs in_fresh_root only install_only_installs
check installed_tool in_fresh_root tool installed_tool
check install_features in_fresh_root features install_features
check pkg_config_consumer pkg_config_consumer
check cmake_consumer cmake_consumer
check incomplete_package in_fresh_root incomplete incomplete_package
check version_policy version_policy

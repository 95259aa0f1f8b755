#!/bin/sh
# Installs the built library and tool, or removes installed ones. `make install` and `make uninstall` call it.
#
#   install.sh install|uninstall
#
# Everything comes by environment variables, so that no path passes through make's or a shell's quoting:
#   INSTALL_PREFIX, INSTALL_LIBDIR, INSTALL_INCLUDEDIR   absolute paths, as the library's users see them
#   INSTALL_BINDIR, INSTALL_DATADIR                      the same for the tool, its manual and completions
#   INSTALL_DESTDIR                                      what comes before them while installing, or nothing
#   BUILD, HEADERS, VERSION, SHARED_FILE, SONAME, LINK_NAME, CMAKE_SONAME, STATIC_LIBS, STRIP
#
# Nothing is written before all is checked. The pkg-config file and the CMake package work out their paths
# from their own place, so the tree can be moved; a LIBDIR or INCLUDEDIR outside PREFIX is in them as an
# absolute path.
set -u
: "${STRIP:=strip}"
action=$1

refuse() {
    echo "make $action: $1; nothing was changed" >&2
    exit 1
}

# Sets the variable $1 to the path $2 without doubled, trailing and "." parts; empty for the root directory.
set_path() {
    case $2 in
    /*) ;;
    *) refuse "$3=$2 is not an absolute path (give $3=$PWD/$2 for a directory below this one)" ;;
    esac
    # What a shell, make, the linker's -rpath, pkg-config or CMake would take for something else than a part
    # of a path.
    case $2 in
    *[\"\'\`\\\$\;\#\<\>\*\?\[\]\(\)\|\,\:]* | *[[:cntrl:]]*)
        refuse "$3=$2 has a character that build tools do not take in a path: one of \" ' \` \\ \$ ; : , # < > * ? | ( ) [ ] or a control character" ;;
    esac
    eval "$1=\$(printf '%s\n' \"\$2\" | sed -e 's|//*|/|g' -e ':again' -e 's|/\./|/|g' -e 't again' -e 's|/\.\$|/|' -e 's|/\$||')"
}

set_path prefix "$INSTALL_PREFIX" PREFIX
set_path libdir "$INSTALL_LIBDIR" LIBDIR
set_path includedir "$INSTALL_INCLUDEDIR" INCLUDEDIR
set_path bindir "$INSTALL_BINDIR" BINDIR
set_path datadir "$INSTALL_DATADIR" DATADIR
destdir=$INSTALL_DESTDIR
pkgconfigdir=$libdir/pkgconfig
cmakedir=$libdir/cmake/lode
mandir=$datadir/man/man1
bashdir=$datadir/bash-completion/completions
zshdir=$datadir/zsh/site-functions
fishdir=$datadir/fish/vendor_completions.d

# What of the path $1 comes below PREFIX, without a slash at its beginning; fails if it is not below.
below_prefix() {
    case $1/ in
    */../*) return 1 ;; # a symbolic link may come before the ".."
    "$prefix"/*) ;;
    *) return 1 ;;
    esac
    rest=${1#"$prefix"}
    printf '%s\n' "${rest#/}"
}

# The way up from the directory $1 below PREFIX to PREFIX: "../../.." for lib/cmake/lode.
way_up() {
    below_prefix "$1" | sed 's|[^/][^/]*|..|g'
}

# ---- Uninstall ----

# Removes the directory $1 and those above it, as far as they are empty: up to PREFIX if they are below it,
# else up to $2. What the file system hierarchy has anyway stays.
remove_empty() {
    directory=$1
    while :; do
        case $directory in
        "" | /usr | /usr/local | /opt | /lib | /include | /usr/lib | /usr/include | /usr/bin | /usr/share | /usr/share/man | /usr/share/man/man1 | /usr/local/lib | /usr/local/include | /usr/local/bin | /usr/local/share | /usr/local/share/man | /usr/local/share/man/man1) return 0 ;;
        esac
        [ ! -e "$destdir$directory" ] || rmdir "$destdir$directory" 2> /dev/null || return 0
        [ "$directory" != "$prefix" ] || return 0
        [ "$directory" != "$2" ] || below_prefix "$directory" > /dev/null || return 0
        directory=${directory%/*}
    done
}

uninstall() {
    for file in "$SHARED_FILE" "$SONAME" "$LINK_NAME" liblode.a; do
        rm -f "$destdir$libdir/$file" || exit 1
    done
    rm -f "$destdir$pkgconfigdir/lode.pc" "$destdir$cmakedir/lodeConfig.cmake" \
        "$destdir$cmakedir/lodeConfigVersion.cmake" || exit 1
    for header in $HEADERS; do
        rm -f "$destdir$includedir/${header#include/}" || exit 1
    done
    rm -f "$destdir$bindir/lode" "$destdir$mandir/lode.1" "$destdir$mandir"/lode-*.1 "$destdir$bashdir/lode" \
        "$destdir$zshdir/_lode" "$destdir$fishdir/lode.fish" || exit 1
    remove_empty "$bindir" "$bindir"
    remove_empty "$mandir" "$datadir"
    remove_empty "$bashdir" "$datadir"
    remove_empty "$zshdir" "$datadir"
    remove_empty "$fishdir" "$datadir"
    remove_empty "$cmakedir" "$libdir"
    remove_empty "$pkgconfigdir" "$libdir"
    remove_empty "$includedir/lode" "$includedir"
}

# ---- Install ----

# The template $1 with each @NAME@ replaced by the environment variable of that name. Done by position and not
# by pattern, so that a value may hold any character.
fill() {
    awk '{
        filled = ""
        while (match($0, /@[A-Z_]+@/)) {
            name = substr($0, RSTART + 1, RLENGTH - 2)
            if (!(name in ENVIRON)) {
                print FILENAME ": no value for @" name "@" > "/dev/stderr"
                exit 1
            }
            filled = filled substr($0, 1, RSTART - 1) ENVIRON[name]
            $0 = substr($0, RSTART + RLENGTH)
        }
        print filled $0
    }' "$1"
}

# Whether the two paths lead to one directory, symbolic links followed.
same_directory() {
    one=$(cd -P "$1" 2> /dev/null && pwd -P) && two=$(cd -P "$2" 2> /dev/null && pwd -P) && [ "$one" = "$two" ]
}

# The path as the value of a variable in a pkg-config file, where a bare space would end it.
pc_value() {
    printf '%s\n' "$1" | sed 's/ /\\ /g'
}

# The paths as the two packages give them: from the packages' own place where that leads there, else absolute.
package_paths() {
    PC_PREFIX=$(pc_value "${prefix:-/}") PC_LIBDIR=$(pc_value "$libdir") PC_INCLUDEDIR=$(pc_value "$includedir")
    CMAKE_INCLUDEDIR=$includedir
    if include_part=$(below_prefix "$includedir"); then PC_INCLUDEDIR="\${prefix}/$(pc_value "$include_part")"; fi
    if lib_part=$(below_prefix "$libdir") &&
        same_directory "$destdir$pkgconfigdir/$(way_up "$pkgconfigdir")" "$destdir$prefix/" &&
        same_directory "$destdir$cmakedir/$(way_up "$cmakedir")" "$destdir$prefix/"; then
        PC_PREFIX="\${pcfiledir}/$(way_up "$pkgconfigdir")"
        PC_LIBDIR="\${prefix}/$(pc_value "$lib_part")"
        if below_prefix "$includedir" > /dev/null; then
            CMAKE_INCLUDEDIR="\${_lode_here}/$(way_up "$cmakedir")/$include_part"
        fi
    fi
    CMAKE_STATIC_LIBS=$(printf '%s' "$STATIC_LIBS" | tr ' ' ';')
    VERSION_MAJOR=${VERSION%%.*}
    # The fifth byte of an ELF file is 1 in one of 32 bits.
    case $(od -An -tu1 -j4 -N1 "$BUILD/lib/$SHARED_FILE") in *1) POINTER_BYTES=4 ;; *) POINTER_BYTES=8 ;; esac
    export PC_PREFIX PC_LIBDIR PC_INCLUDEDIR CMAKE_INCLUDEDIR CMAKE_STATIC_LIBS VERSION_MAJOR POINTER_BYTES
}

install_all() {
    set -e
    # Not below BUILD: what root leaves there would be in the way of the user who builds.
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    install -d "$destdir$pkgconfigdir" "$destdir$cmakedir" "$destdir$includedir"
    package_paths
    install -m 755 "$BUILD/lib/$SHARED_FILE" "$destdir$libdir/"
    "$STRIP" -x "$destdir$libdir/$SHARED_FILE" ||
        echo "make install: $SHARED_FILE keeps its symbol table: $STRIP did not work" >&2
    ln -sf "$SHARED_FILE" "$destdir$libdir/$SONAME"
    ln -sf "$SONAME" "$destdir$libdir/$LINK_NAME"
    install -m 644 "$BUILD/lib/liblode.a" "$destdir$libdir/"
    # The names of headers are ours and hold no space.
    install -d "$destdir$includedir/lode"
    for header in $HEADERS; do
        install -m 644 "$header" "$destdir$includedir/${header#include/}"
    done
    install -d "$destdir$bindir" "$destdir$mandir" "$destdir$bashdir" "$destdir$zshdir" "$destdir$fishdir"
    install -m 755 "$BUILD/bin/lode" "$destdir$bindir/"
    "$STRIP" "$destdir$bindir/lode" || echo "make install: lode keeps its symbol table: $STRIP did not work" >&2
    install -m 644 "$BUILD"/share/man1/lode*.1 "$destdir$mandir/"
    install -m 644 "$BUILD/share/completions/lode.bash" "$destdir$bashdir/lode"
    install -m 644 "$BUILD/share/completions/_lode" "$destdir$zshdir/_lode"
    install -m 644 "$BUILD/share/completions/lode.fish" "$destdir$fishdir/lode.fish"
    install_filled lode.pc "$destdir$pkgconfigdir"
    install_filled lodeConfig.cmake "$destdir$cmakedir"
    install_filled lodeConfigVersion.cmake "$destdir$cmakedir"
}

# Fills the template of the file $1 into the directory $2.
install_filled() {
    fill "packaging/$1.in" > "$work/$1"
    install -m 644 "$work/$1" "$2/"
}

case $action in
install) install_all ;;
uninstall) uninstall ;;
*) refuse "install.sh knows install and uninstall" ;;
esac

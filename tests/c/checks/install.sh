# shellcheck shell=bash
# `make install` and `make uninstall`, and programs built against what they install.

installed() { # TOOL-SPECIFIC BUILD...: installs into a fresh prefix, then runs the rest with PREFIX set
    PREFIX=$OUT/prefix-$1
    rm -rf "$PREFIX"
    make -s install PREFIX="$PREFIX" || return 1
    for file in lib/liblode.so lib/liblode.so.0 lib/liblode.a include/lode.h lib/pkgconfig/lode.pc; do
        [ -e "$PREFIX/$file" ] || { echo "$file was not installed" && return 1; }
    done
    "$@" || return 1
    make -s uninstall PREFIX="$PREFIX" || return 1
    if find "$PREFIX" ! -type d | grep .; then
        echo "left by make uninstall" && return 1
    fi
}

consume_pkg_config() {
    export PKG_CONFIG_PATH=$PREFIX/lib/pkgconfig
    local consumer=$OUT/pkg-config-consumer
    # shellcheck disable=SC2046
    $CC -std=c11 examples-c/stream_write_records.c -o "$consumer" $(pkg-config --cflags --libs lode) || return 1
    LD_LIBRARY_PATH=$PREFIX/lib "$consumer" || return 1
    [ "$(pkg-config --modversion lode)" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ]
}

consume_cmake() {
    local project=$OUT/cmake-consumer
    mkdir -p "$project"
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
    cmake -S "$project" -B "$project/build" -DCMAKE_PREFIX_PATH="$PREFIX" && cmake --build "$project/build" &&
        "$project/build/shared" && "$project/build/static"
}

pkg_config_consumer() { need pkg-config pkg-config && installed consume_pkg_config; }
cmake_consumer() { need cmake cmake && installed consume_cmake; }

check pkg_config_consumer pkg_config_consumer
check cmake_consumer cmake_consumer

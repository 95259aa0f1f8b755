# shellcheck shell=bash disable=SC2154,SC2086
# How the programs of this directory are built: a function for each language and method of `table`. Each runs
# in an empty directory and makes $program from $sources, $linkage (shared or static), against the
# installation in $prefix, and nothing of the source tree but what $sources and, for Go, $HERE/bindings/go
# hold. See README.md.

# What the installed static library needs beside it.
static_libs() { sed -n 's/^Libs.private: //p' "$prefix/lib/pkgconfig/lode.pc"; }

# linker_flags: of this linkage, by pkg-config.
pkg_config_flags() {
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    if [ "$linkage" = static ]; then
        pkg-config --static --cflags --libs lode | sed 's/-llode/-l:liblode.a/'
    else
        pkg-config --cflags --libs lode
    fi
}

hand_flags() {
    if [ "$linkage" = static ]; then
        echo "-I$prefix/include $prefix/lib/liblode.a $(static_libs)"
    else
        echo "-I$prefix/include -L$prefix/lib -llode"
    fi
}

build_c_pkg-config() { eval "$CC -std=c11 -Wall -Werror \"$sources/consumer.c\" -o \"$program\" $(pkg_config_flags)"; }
build_c_hand() { $CC -std=c11 -Wall -Werror "$sources/consumer.c" -o "$program" $(hand_flags); }
build_c_cmake() { build_by_cmake C c "set(CMAKE_C_STANDARD 11)"; }

build_cpp_pkg-config() { eval "$CXX -std=c++17 -Wall -Werror \"$sources/consumer.cpp\" -o \"$program\" $(pkg_config_flags)"; }
build_cpp_hand() { $CXX -std=c++17 -Wall -Werror "$sources/consumer.cpp" -o "$program" $(hand_flags); }
build_cpp_cmake() { build_by_cmake CXX cpp "set(CMAKE_CXX_STANDARD 17)"; }

build_by_cmake() { # LANGUAGE EXTENSION SETTING
    local target=lode::lode
    [ "$linkage" = shared ] || target=lode::lode_static
    cat > CMakeLists.txt <<- END
		cmake_minimum_required(VERSION 3.16)
		project(consumer $1)
		$3
		find_package(lode CONFIG REQUIRED)
		add_executable(consumer $sources/consumer.$2)
		target_link_libraries(consumer PRIVATE $target)
	END
    cmake -S . -B build -DCMAKE_PREFIX_PATH="$prefix" && cmake --build build && cp build/consumer "$program"
}

build_go_pkg-config() {
    local tags=
    [ "$linkage" = shared ] || { tags="-tags static" && export CGO_LDFLAGS=-L$prefix/lib; }
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    cp "$sources/consumer.go" main.go && cp -R "$HERE/bindings/go" liblode || return 1
    printf 'module consumer\n\ngo 1.25\n\nrequire liblode v0.1.0\n\nreplace liblode => ./liblode\n' > go.mod
    go build $tags -o "$program" .
}

# The package's source is built against the installation that pkg-config finds, in a virtual environment of
# its own.
build_python_pkg-config() {
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    cp -R "$HERE/bindings/python" package && python3 -m venv venv &&
        venv/bin/pip install --quiet --disable-pip-version-check ./package || return 1
    echo "$PWD"/venv/lib/python*/site-packages/lode/_ffi*.so > "$program.links"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$PWD/venv/bin/python" "$sources/consumer.py" > "$program" && chmod +x "$program"
}

build_zig_hand() {
    local static=false
    [ "$linkage" = shared ] || static=true
    cp -R "$HERE/bindings/zig" lode && cp "$sources/consumer.zig" lode/example/events.zig || return 1
    "$ZIG" build example --build-file lode/build.zig -Dlode-prefix="$prefix" \
        -Dlode-static=$static --cache-dir cache --prefix out && cp out/bin/events "$program"
}

# The tools that a language and method need, each with its package.
tools_of() { # LANGUAGE METHOD
    case $1 in cpp) need "$CXX" g++ ;; go) need go golang && need pkg-config pkg-config ;; zig) zig_compiler ;; esac
    case $2 in cmake) need cmake cmake ;; pkg-config) need pkg-config pkg-config ;; esac
}

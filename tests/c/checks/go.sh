# shellcheck shell=bash
# The Go package and lodecompat, against what `make install` installs.

# go_here COMMAND...: runs the command in bindings/go, with the library as pkg-config finds it.
go_here() {
    need go golang
    need pkg-config pkg-config
    local prefix=$OUT/go-prefix
    [ -e "$prefix" ] || plain_make install PREFIX="$prefix" || return 1
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
    # A toolchain that is newer than the one at hand is fetched as any module is; nothing else is.
    (cd bindings/go && "$@")
}

go_format() {
    local wrong
    wrong=$(gofmt -l .) && [ -z "$wrong" ] || { echo "not formatted: $wrong" && return 1; }
    go vet ./... && go vet -tags static ./...
}

# The race detector, and the checks of pointers that are handed to C; what the core library lacks, with every
# feature.
go_tests() {
    export GOEXPERIMENT=cgocheck2
    go test -race -count=1 . && LD_LIBRARY_PATH=$FULL go test -race -count=1 -run Arrow .
}

go_static() {
    CGO_LDFLAGS="-L$LD_LIBRARY_PATH" go test -tags static -count=1 -c -o "$OUT/go-static" . || return 1
    if ldd "$OUT/go-static" | grep liblode; then
        echo "built with the tag static, and linked with the shared library" && return 1
    fi
    "$OUT/go-static"
}

go_compat() {
    go test -count=1 ./lodecompat
}

# arrow-go and the package, with every feature: a module of its own.
go_arrow() {
    cd ../../tests/arrow-go && LD_LIBRARY_PATH=$FULL go test -count=1 .
}

# Every function of lode.h is called, or listed with the reason.
go_complete() {
    local missing
    cat bindings/go/*.go bindings/go/callbacks.c | grep -ohE '\blode_[a-z0-9_]+' | sort -u > "$OUT/go-used"
    grep -v '^#' bindings/go/not_wrapped | sed 's/ .*//' | sort > "$OUT/go-excused"
    missing=$(comm -23 <(sort abi/symbols) <(sort -u "$OUT/go-used" "$OUT/go-excused"))
    [ -z "$missing" ] || { echo "bindings/go calls not, and bindings/go/not_wrapped does not list:" && echo "$missing" && return 1; }
    missing=$(comm -12 "$OUT/go-used" "$OUT/go-excused"; comm -13 <(sort abi/symbols) "$OUT/go-excused")
    [ -z "$missing" ] || { echo "bindings/go/not_wrapped lists without need:" && echo "$missing" && return 1; }
}

# The programs of the page, each a module of its own that replaces liblode by this tree.
go_page() {
    local page=docs/go.md root=$OUT/go-page program
    rm -rf "$root" && mkdir -p "$root/run"
    awk -v root="$root" '/^```go$/ { n++; inside = 1; system("mkdir -p " root "/" n); next } /^```$/ { inside = 0 }
        inside { print > (root "/" n "/main.go") }' "$HERE/$page"
    [ "$(find "$root" -name main.go | wc -l)" -ge 4 ] || { echo "$page has lost its programs" && return 1; }
    printf 'module page\n\ngo 1.25\n\nrequire liblode v0.1.0\n\nreplace liblode => %s/bindings/go\n' "$HERE" > "$root/go.mod"
    for program in "$root"/*/main.go; do
        (cd "$(dirname "$program")" && go build -o program . && cd "$root/run" && "$OLDPWD/program") ||
            { echo "$page: program $(basename "$(dirname "$program")") fails" && return 1; }
    done
}

check go_format go_here go_format
check go_tests go_here go_tests
check go_arrow go_here go_arrow
check go_static go_here go_static
check go_compat go_here go_compat
check go_complete go_complete
check go_page go_here go_page

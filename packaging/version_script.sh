#!/bin/sh
# Prints the linker's version script of the shared library.
#
#   version_script.sh VERSION
#
# Each function has the minor version that brought it: LODE_0.1 for those of abi/0.1.0/symbols, and so on in
# the order of versions; what no frozen version has belongs to VERSION. So a program that needs a later
# version says so when it is loaded, and copies of two major versions in one process do not mix. Everything
# else is local.
set -eu
version=$1
cd "$(dirname "$0")/.."
{
    for frozen in $(printf '%s\n' abi/*/symbols | sort -V); do
        [ ! -e "$frozen" ] || { number=${frozen#abi/} && sed "s|^|${number%%/*} |" "$frozen"; }
    done
    sed "s|^|$version |" abi/symbols
} | awk '
    !($2 in node) {
        split($1, part, ".")
        name = "LODE_" part[1] "." part[2]
        if (!(name in names)) { order[++count] = name; names[name] = "" }
        node[$2] = name
        names[name] = names[name] "        " $2 ";\n"
    }
    END {
        for (at = 1; at <= count; at++) {
            printf "%s {\n    global:\n%s", order[at], names[order[at]]
            if (at == 1) printf "    local:\n        *;\n"
            printf "}%s;\n", at == 1 ? "" : " " order[at - 1]
        }
    }'

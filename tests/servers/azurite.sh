#!/bin/sh
# Prints the path of the blob server of Azurite, which npm installs once outside the tree. Without npm it
# prints nothing and fails.
set -eu
version=3.37.0
directory=${XDG_CACHE_HOME:-$HOME/.cache}/lode/servers/azurite-$version
program=$directory/node_modules/.bin/azurite-blob
if [ ! -x "$program" ]; then
    command -v npm > /dev/null || { echo 'no Azurite: there is no npm in PATH to install it with' >&2; exit 1; }
    echo "installing Azurite $version into $directory" >&2
    mkdir -p "$directory"
    npm install --prefix "$directory" --no-audit --no-fund --ignore-scripts --loglevel=error "azurite@$version" >&2
fi
echo "$program"

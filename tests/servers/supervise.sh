#!/bin/sh
# Runs a server until standard input ends, which it does with the process that started this, however that
# ends; and never longer than half an hour.
#
#   supervise.sh COMMAND ARGUMENT...
timeout 1800 "$@" < /dev/null &
server=$!
cat > /dev/null
kill "$server" 2> /dev/null
wait "$server" 2> /dev/null
exit 0

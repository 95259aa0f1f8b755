# shellcheck shell=bash
# The hosts of examples-hosts/, started with the configuration there.

host_directory() { # NAME
    rm -rf "${OUT:?}/hosts/$1" && mkdir -p "$OUT/hosts/$1" && echo "$OUT/hosts/$1"
}

host_rsyslog() {
    need python3 python3
    need rsyslogd rsyslog
    python3 examples-hosts/rsyslog/test.py "$BIN/lode" "$(host_directory rsyslog)" "${LODE_HOST_MESSAGES:-100000}"
}

# Debian lets one logger be installed at a time, so syslog-ng is unpacked beside the machine's own, outside of
# the tree.
host_syslog_ng() {
    need python3 python3
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/lode/syslog-ng package version
    if [ ! -e "$cache/root/usr/sbin/syslog-ng" ]; then
        mkdir -p "$cache" && cd "$cache" || return 1
        need dpkg-deb dpkg
        for package in syslog-ng-core libivykis0 libnet1; do
            apt-get download -qq "$package" || { apt-get update -qq && apt-get download -qq "$package"; } ||
                { echo "apt-get cannot download $package" && exit "$SKIP"; }
        done
        for package in *.deb; do dpkg-deb -x "$package" root || return 1; done
        rm -- *.deb
        cd "$HERE" || return 1
    fi
    version=$(ls "$cache/root/usr/lib/syslog-ng" | grep '^[0-9]')
    LD_LIBRARY_PATH=$cache/root/usr/lib/syslog-ng:$cache/root/usr/lib/$($CC -print-multiarch) \
        python3 examples-hosts/syslog-ng/test.py "$BIN/lode" "$(host_directory syslog-ng)" \
        "$cache/root/usr/sbin/syslog-ng" --module-path="$cache/root/usr/lib/syslog-ng/$version"
}

host_collectd() {
    need python3 python3
    local directory header=/usr/include/collectd/core/daemon/plugin.h
    export LODE_APT_OPTIONS=--no-install-recommends # which are a hundred packages
    need collectd collectd-core
    [ -e $header ] || sh packaging/need.sh no-such-tool collectd-dev -- '' > /dev/null 2>&1 || true
    [ -e $header ] || { echo "missing: collectd-dev (apt-get install collectd-dev)" && exit "$SKIP"; }
    directory=$(host_directory collectd)
    # shellcheck disable=SC2086
    $CC -std=gnu11 -Wall -Wextra -Werror $CFLAGS -shared -fPIC -I/usr/include/collectd -I/usr/include/collectd/core \
        -I/usr/include/collectd/core/daemon -Iinclude examples-hosts/collectd/write_lode.c \
        -o "$OUT/write_lode.so" -L"$LIB" -Wl,-rpath,"$LIB" -llode || return 1
    python3 examples-hosts/collectd/test.py "$BIN/lode" "$directory" "$OUT/write_lode.so"
}

host_cron() {
    need python3 python3
    need flock util-linux
    python3 examples-hosts/cron/test.py "$BIN/lode" "$(host_directory cron)"
}

for host in rsyslog syslog_ng collectd cron; do
    check "host_$host" "host_$host"
done

# shellcheck shell=bash disable=SC2034
# Programs of every language, built against the installed tree only; each reads what each has written. The
# rows are those of tests/consumers/table.

# shellcheck source=/dev/null
. tests/consumers/build.sh

consumer_rows() { grep -v '^#' tests/consumers/table; }

# One row: built in a clean folder, linked as it says, and its dataset written.
consumer() { # LANGUAGE METHOD LINKAGE
    tools_of "$1" "$2"
    local name=$1-$2-$3 sources=$HERE/tests/consumers prefix=$OUT/consumers/prefix linkage=$3 linked
    local program=$OUT/consumers/$name
    [ -e "$prefix" ] || plain_make install PREFIX="$prefix" || return 1
    rm -rf "$program.build" "$program" && mkdir -p "$program.build" "$OUT/consumers/store" || return 1
    (cd "$program.build" && "build_$1_$2") || return 1
    export LD_LIBRARY_PATH=$prefix/lib
    # A program that is a script says where its binary part is.
    linked=$(ldd "$(cat "$program.links" 2> /dev/null || echo "$program")") || return 1
    case $linkage in
    shared) grep -qF "=> $prefix/lib/liblode.so" <<< "$linked" ;;
    static) ! grep liblode <<< "$linked" ;;
    esac || { echo "$name is not linked $linkage:" && echo "$linked" && return 1; }
    "$program" write "$OUT/consumers/store" "$name" < tests/consumers/records.jsonl || return 1
    "$program" read "$OUT/consumers/store" "$name" | cmp - tests/consumers/records.jsonl
}

# Each program reads the dataset of each.
consumers_read_each_other() {
    export LD_LIBRARY_PATH=$OUT/consumers/prefix/lib
    local reader dataset readers=0
    for reader in "$OUT"/consumers/*.build; do
        reader=${reader%.build}
        [ -x "$reader" ] || continue
        readers=$((readers + 1))
        for dataset in "$OUT"/consumers/store/datasets/*; do
            "$reader" read "$OUT/consumers/store" "$(basename "$dataset")" | cmp - tests/consumers/records.jsonl ||
                { echo "$(basename "$reader") does not read what $(basename "$dataset") wrote" && return 1; }
        done
    done
    [ $readers -ge 2 ] || { echo "only $readers consumers were built: run this check with 'consumer*'" && return 1; }
    echo "$readers programs read each other's datasets"
}

while read -r language method linkage; do
    check "consumer_$language-$method-$linkage" consumer "$language" "$method" "$linkage"
done < <(consumer_rows)
check consumers_read_each_other consumers_read_each_other

# shellcheck shell=bash
# The journal's writer alone, on a file of a real disk. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

writer_dir=

# In memory, a commit costs nothing: then the disk of the build is taken.
take_writer_dir() {
    local parent=$dir
    case $(stat -f -c %T "$dir") in tmpfs | ramfs) parent=${CARGO_TARGET_DIR:-target} ;; esac
    writer_dir=$(mktemp -d -p "$parent" bench-writer.XXXXXX)
}

drop_writer_dir() {
    if [[ -n $writer_dir ]]; then rm -rf "$writer_dir"; fi
    writer_dir=
}

measure_writer() {
    local kind who rate median p99 sign_in
    take_writer_dir
    stop_server
    "$load" writer "$writer_dir" --seconds "$seconds" >"$dir/writer" || die "the writer could not be measured"
    drop_writer_dir
    while read -r kind who rate median p99 sign_in; do
        case $kind in
            fdatasync) row "writer: fdatasync of 4 KiB on this disk" "$who ms" ;;
            record)
                row "writer: $who at once record an event each: durable events, median / p99; p99 of a sign-in meanwhile" \
                    "$rate/s, $median / $p99 ms; $sign_in ms" "$( ((who > 100)) && echo '≥ 20,000/s')"
                ;;
            batches) row "writer: one appends $who in each transaction (bytes an event)" "$rate/s ($median)" "≥ 20,000/s" ;;
        esac
    done <"$dir/writer"
}

# Searches over as many events as a busy host has in a year.
measure_search() {
    local kind median p99 name
    take_writer_dir
    stop_server
    "$load" search "$writer_dir" --events "${BENCH_LOG:-1000000}" >"$dir/search" || die "the searches could not be measured"
    drop_writer_dir
    while read -r kind median p99 name; do
        case $kind in
            filled) row "event log: filled in transactions of 1,000, with search index" "$median/s" "≥ 20,000/s" ;;
            bytes) row "event log: bytes an event" "$median" ;;
            search) row "event log of ${BENCH_LOG:-1000000}: $name: median / p99" "$median / $p99 ms" "p99 ≤ 50 ms" ;;
        esac
    done <"$dir/search"
}

# shellcheck shell=bash
# The journal's writer alone, on a file of a real disk. Sourced by bench.sh.

# In memory, a commit costs nothing: then the disk of the build is taken.
disk_dir() {
    local kind
    kind=$(stat -f -c %T "$dir")
    if [[ $kind == tmpfs || $kind == ramfs ]]; then mktemp -d -p "${CARGO_TARGET_DIR:-target}" bench-writer.XXXXXX; else mktemp -d -p "$dir"; fi
}

measure_writer() {
    local folder kind who rate median p99 sign_in
    folder=$(disk_dir)
    stop_server
    "$load" writer "$folder" --seconds "$seconds" >"$dir/writer" || die "the writer could not be measured"
    rm -rf "$folder"
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

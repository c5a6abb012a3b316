# shellcheck shell=bash
# Start, rest, pages and events with many running containers. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

measure_binary() {
    row "release binary" "$(awk -v b="$(stat -c %s "$binary")" 'BEGIN { printf "%.1f MB", b / 1e6 }')" "≤ 20 MB"
}

measure_starts() {
    local n first list=()
    need_engine
    stop_server
    rm -rf "$dir/watcher"
    start_server "$dir/watcher" "unix://$socket"
    first=$start_ms
    stop_server
    for ((n = 0; n < starts; n++)); do
        start_server "$dir/watcher" "unix://$socket"
        list+=("$start_ms")
        stop_server
    done
    row "start to first page, new data directory" "$first ms"
    row "start to first page, median of $starts" "$(printf '%s\n' "${list[@]}" | percentile 50) ms" "≤ 150 ms"
}

measure_idle() {
    local engine_before engine_alone own
    need_engine
    stop_server
    sleep 5
    engine_before=$(engine_ticks)
    sleep "$idle_seconds"
    engine_alone=$(($(engine_ticks) - engine_before))

    fresh_server
    sleep 7
    own=$(ticks "$server_pid")
    engine_before=$(engine_ticks)
    sleep "$idle_seconds"
    own=$(($(ticks "$server_pid") - own))
    row "CPU, idle, of one core" "$(as_percent "$own" "$idle_seconds")" "≤ 0.3 %"
    row "CPU added to dockerd and containerd" \
        "$(as_percent $(($(engine_ticks) - engine_before - engine_alone)) "$idle_seconds")" "≤ 0.1 %"
    row "resident memory, idle (private)" \
        "$(as_mib "$(status_kb "$server_pid" VmRSS)") ($(as_mib "$(status_kb "$server_pid" RssAnon)"))" "≤ 20 MiB"
}

page_is_whole() {
    local rows
    rows=$(get /containers | grep -o 'bench-[0-9]*' | sort -u | wc -l)
    ((rows >= containers)) || die "/containers shows $rows of $containers containers"
}

# One after the other over one connection, so many a second: what a visitor feels.
measure_latency() { # PATH A_SECOND BUDGET [OF_WHAT]
    local times cpu n
    cpu=$(ticks "$server_pid")
    # The fragment is never sent; it only makes the addresses differ.
    times=$(curl -sS --fail --rate "$2/s" -H "Authorization: Bearer $token" -o /dev/null -w '%{time_total}\n' \
        "http://127.0.0.1:$port$1#[1-$((seconds * $2))]" 2>/dev/null | awk '{ print $1 * 1000 }')
    cpu=$(($(ticks "$server_pid") - cpu))
    n=$(wc -l <<<"$times")
    row "${4:+$4: }\`$1\` at $2 a second: median / p99 (CPU each)" \
        "$(percentile 50 <<<"$times") / $(percentile 99 <<<"$times") ms ($(as_us "$cpu" "$n"))" "$3"
}

# As much as it can: the server on one core, the load on another. The CPU time of a page is what a busy machine does not
# distort.
measure_throughput() { # PATH BUDGET [HEADER]
    local report last_core cpu as=
    last_core=$(($(nproc) - 1))
    taskset -acp 0 "$server_pid" >/dev/null
    cpu=$(ticks "$server_pid")
    report=$(taskset -c "$last_core" wrk -t1 -c16 -d"${seconds}s" --latency -H "Authorization: Bearer $token" \
        ${3:+-H "$3"} "http://127.0.0.1:$port$1")
    cpu=$(($(ticks "$server_pid") - cpu))
    taskset -acp "0-$last_core" "$server_pid" >/dev/null
    if grep -q 'Non-2xx' <<<"$report"; then
        say "$report"
        die "$1 answered with errors under load"
    fi
    if [[ -n ${3:-} ]]; then as=" as gzip"; fi
    row "\`$1\`$as, 16 clients, one core (CPU each)" \
        "$(awk '/^Requests\/sec/ { printf "%d/s", $2 }' <<<"$report"), p99 $(awk '$1 == "99%" { print $2 }' <<<"$report") ($(as_us \
            "$cpu" "$(awk '/ requests in / { print $1 }' <<<"$report")"))" "$2"
}

measure_pages() {
    local page
    fresh_server
    page_is_whole
    for page in /containers / "/api/containers?limit=$containers"; do
        measure_latency "$page" 50 "p99 ≤ 5 ms"
        measure_throughput "$page" "≥ 5,000/s"
    done
    # What browsers ask for.
    measure_throughput /containers "≥ 5,000/s" "Accept-Encoding: gzip"
    row "resident memory after these loads" "$(as_mib "$(status_kb "$server_pid" VmRSS)")"
}

# From the engine's own time of an event to the first line about that container in an open page's stream.
measure_events() {
    local n stream reader_pid
    fresh_server
    stream=$dir/stream
    curl -sN --max-time 300 -H "Authorization: Bearer $token" -H 'Accept: text/event-stream' \
        "http://127.0.0.1:$port/live?for=%2Fcontainers" \
        2>/dev/null > >(while IFS= read -r line; do printf '%s %s\n' "$(now_us)" "$line"; done >"$stream") &
    reader_pid=$!
    follow_events '{{.TimeNano}} {{.Actor.ID}} {{index .Actor.Attributes "name"}}'
    # What a stream sends on connecting is a snapshot, not an event.
    sleep 2
    : >"$dir/latencies"
    for ((n = 1; n <= events && n <= containers; n++)); do
        local seen
        seen=$(wc -l <"$stream")
        private_docker pause "bench-$n" >/dev/null
        sleep 0.4
        local at id name
        read -r at id name < <(tail -n 1 "$dir/events") || continue
        tail -n +$((seen + 1)) "$stream" |
            awk -v at=$((at / 1000)) -v id="${id:0:12}" -v name="$name" \
                'index($0, id) || $0 ~ name "([^0-9]|$)" { printf "%.1f\n", ($1 - at) / 1000; exit }' >>"$dir/latencies"
        private_docker unpause "bench-$n" >/dev/null
        sleep 0.4
    done
    stop_following
    kill "$reader_pid" 2>/dev/null || true
    wait "$reader_pid" 2>/dev/null || true
    row "Docker event to open page: median / p99 ($(wc -l <"$dir/latencies") of $((n - 1)) events seen)" \
        "$(percentile 50 <"$dir/latencies") / $(percentile 99 <"$dir/latencies") ms" "p99 ≤ 150 ms"
}

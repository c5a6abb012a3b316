# shellcheck shell=bash
# Many live streams at once. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

clients_pid=

# Opens live streams for a page in the background and returns once they are open; $dir/clients holds what the load client
# found out. Further arguments go to it.
open_streams() { # PATH CLIENTS SECONDS …
    local path=$1 number=$2 length=$3
    shift 3
    # Connected by the server and by the client, and as much again for those that fetch.
    may_open_files $((number * 2 + 200))
    "$load" clients "127.0.0.1:$port" "/live?for=${path//\//%2F}" --token "$token" --clients "$number" --seconds "$length" "$@" \
        >"$dir/clients" 2>"$dir/clients.log" </dev/null &
    clients_pid=$!
    wait_for 90 "the live streams" grep -q '^ready' "$dir/clients"
}

streams_end() {
    wait "$clients_pid" || { cat "$dir/clients.log" >&2; die "the load client failed"; }
    clients_pid=
    if [[ -s $dir/clients.log ]]; then cat "$dir/clients.log" >&2; fi
}

# value NAME [FIELD], of what the load client found out.
value() { awk -v name="$1" -v field="${2:-2}" '$1 == name { print $field; exit }' "$dir/clients"; }

# The server inherits it.
may_open_files() {
    local hard
    hard=$(ulimit -Hn)
    [[ $hard == unlimited ]] || ((hard >= $1)) || die "$1 open files are needed, and ulimit -Hn is $hard."
    [[ $(ulimit -n) == unlimited ]] || (($(ulimit -n) >= $1)) || ulimit -Sn "$1"
}

measure_sse() {
    local before open after n
    may_open_files $((streams * 2 + 200))
    fresh_server
    get /containers >/dev/null
    before=$(status_kb "$server_pid" VmRSS)
    follow_events '{{.TimeNano}}' --filter event=unpause
    open_streams /containers "$streams" $((seconds + 5))
    sleep 2
    open=$(status_kb "$server_pid" VmRSS)
    # Less far apart than this, and the changes of two would come as one message.
    for ((n = 1; n <= seconds / 2; n++)); do
        private_docker pause "bench-$n" >/dev/null
        sleep 0.8
        private_docker unpause "bench-$n" >/dev/null
        sleep 0.8
    done
    after=$(status_kb "$server_pid" VmRSS)
    streams_end
    stop_following
    row "$streams live streams: held to the end, opened within" "$(value held), $(value ready 3) ms" "all"
    row "$streams live streams: memory added, quiet / after changes" \
        "$(as_mib $((open - before))) / $(as_mib $((after - before)))" "≤ 40 MiB"
    row "$streams live streams: messages, to the one that got least / most; fell behind" \
        "$(value least) / $(value most); $(value fell_behind)" "none starved"
    awk '$1 == "message" { printf "%.1f\n", ($4 - $3) / 1000 }' "$dir/clients" >"$dir/spreads"
    row "$streams live streams: first to last client, of a message: median / worst" \
        "$(percentile 50 <"$dir/spreads") / $(percentile 100 <"$dir/spreads") ms"
    # The first message after an event is the row; the engine's clock is this machine's.
    awk 'NR == FNR { if ($1 == "message") { first[++n] = $3; last[n] = $4 } next }
         { at = $1 / 1000
           for (i = 1; i <= n; i++) if (first[i] > at) { printf "%.1f\n", (last[i] - at) / 1000; break } }' \
        "$dir/clients" "$dir/events" >"$dir/latencies"
    row "$streams live streams: event to the last client: median / worst of $(wc -l <"$dir/latencies")" \
        "$(percentile 50 <"$dir/latencies") / $(percentile 100 <"$dir/latencies") ms" "≤ 150 ms"
    measure_refetch
}

# What one change costs when every page then asks for its list anew, as pages do.
measure_refetch() {
    local cpu begin
    open_streams /containers "$streams" $((seconds / 2 + 10)) --fetch /containers
    sleep 1
    cpu=$(ticks "$server_pid")
    begin=$(now_us)
    private_docker pause bench-1 >/dev/null
    streams_end
    cpu=$(($(ticks "$server_pid") - cpu))
    private_docker unpause bench-1 >/dev/null
    row "$streams open pages fetch their list after a change: $(value fetches) fetches, median / p99 (CPU each)" \
        "$(value fetches 3) / $(value fetches 4) ms ($(as_us "$cpu" "$(value fetches)"))"
    row "… from the change until the last has it; memory then" \
        "$((($(value fetches 5) - begin) / 1000)) ms; $(as_mib "$(status_kb "$server_pid" VmRSS)")"
}

# ---- The log of one chatty container, followed by many ----------------------------------------------------------

readonly log_followers=50 log_lines=10000

# A tenth of a second at a time.
run_chatty() {
    private_docker run -d --name bench-chatty --stop-signal KILL --log-opt max-size=20m --log-opt max-file=2 \
        bench:1 /bin/busybox sh -c "while :; do
            /bin/busybox yes '2026-01-01T00:00:00Z INFO request served method=GET path=/shop/items status=200 ms=12' |
                /bin/busybox head -n $((log_lines / 10)); /bin/busybox sleep 0.1; done"
}

measure_logs() {
    local what="$log_followers followers of a log of $log_lines lines/s" id page status second memory=()
    fresh_server
    id=$(run_chatty)
    page=/containers/$id/logs
    # A stream that is there does not end by itself: curl gives up, and still says what it was answered.
    status=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 2 -H "Authorization: Bearer $token" \
        "http://127.0.0.1:$port/live?for=${page//\//%2F}" 2>/dev/null) || true
    if [[ $status != 200 ]]; then
        skipped "$what" "there is no live log yet (it answered $status)"
    else
        open_streams "$page" "$log_followers" "$seconds"
        local cpu
        cpu=$(ticks "$server_pid")
        for ((second = 0; second < seconds; second++)); do
            memory+=("$(status_kb "$server_pid" VmRSS)")
            sleep 1
        done
        cpu=$(($(ticks "$server_pid") - cpu))
        streams_end
        row "$what: held; each got, messages least / most" "$(value held); $(value least) / $(value most)" "all"
        row "$what: to each, a second" "$(as_mib $(($(value bytes) / 1024 / log_followers / seconds)))"
        row "$what: memory, first / last / most (CPU)" \
            "$(as_mib "${memory[0]}") / $(as_mib "${memory[-1]}") / $(as_mib "$(printf '%s\n' "${memory[@]}" | percentile 100)") ($(as_percent \
                "$cpu" "$seconds"))" "flat"
    fi
    private_docker rm -f bench-chatty >/dev/null
}

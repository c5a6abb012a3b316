# shellcheck shell=bash
# What statistics cost. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts
#
# CPU is utime + stime of /proc/PID/stat, with what ended threads and children have used. The kernel keeps the sum in
# nanoseconds and shows it in ticks of 10 ms: a window of two minutes is exact to 0.01 % of a core.

# What a start needs is not what idling needs: the first minute's write and the engine's answers about a start are over.
readonly settle_seconds=75

# A little to measure: 8 MB of memory, and some 2 % of a core in bursts.
readonly busy_command='held=$(/bin/busybox head -c 8000000 /dev/zero | /bin/busybox tr "\\0" x)
    while :; do i=0; while [ $i -lt 12000 ]; do i=$((i + 1)); done; /bin/busybox sleep 1; done'

# One line each: ticks of its own, ticks of dockerd and containerd, KiB resident, KiB of that private, name.
window() { # NAME [PID]
    local own=0 engine memory="0 0"
    say "  $1"
    sleep "$settle_seconds"
    if [[ -n ${2:-} ]]; then own=$(tree_ticks "$2"); fi
    engine=$(engine_ticks)
    sleep "$stats_seconds"
    if [[ -n ${2:-} ]]; then
        own=$(($(tree_ticks "$2") - own))
        memory="$(tree_kb "$2" VmRSS) $(tree_kb "$2" RssAnon)"
    fi
    echo "$own $(($(engine_ticks) - engine)) $memory $1" >>"$dir/windows"
}

says_method() { [[ $(get /settings/stats) == *"$1"* ]]; }

# Docker Watcher, as it is used: signed in once, and no page open.
watcher_window() { # NAME METHOD
    wait_for 30 "a page that says: $2" says_method "$2"
    wait_for 30 "statistics of $containers containers" measures "$containers"
    window "$1" "$(server_process)"
    stop_server
}

measure_stats() {
    local own engine rss private name alone budget every
    need_engine
    stop_server
    : >"$dir/windows"
    run_tenths /bin/busybox sh -c "$busy_command"
    window "nothing, at first"
    fresh_server
    watcher_window "Docker Watcher, cgroups" "Read from cgroups"
    # It can see no process but its own, like in a container.
    inside=(as_root unshare --pid --fork --kill-child --mount-proc)
    fresh_server
    watcher_window "Docker Watcher, Docker API" "Through the Docker API"
    inside=()
    if [[ ${BENCH_PEERS:-1} == 1 ]]; then
        if start_glances; then window "$peer" "$peer_pid"; fi
        stop_peer
        for every in 1 10; do
            if start_netdata "$every"; then window "$peer" "$peer_pid"; fi
            stop_peer
        done
    fi
    window "nothing, at last"
    run_tenths

    alone=$(awk '/ nothing,/ { sum += $2; n++ } END { printf "%.0f", sum / n }' "$dir/windows")
    while read -r own engine rss private name; do
        case $name in
            nothing,*) row "$name: CPU of dockerd and containerd" "$(as_percent "$engine" "$stats_seconds")" ;;
            *)
                budget=
                if [[ $name == *cgroups ]]; then budget="≤ 0.3 / 0.1 / 0.4 %; ≤ 20 MiB"; fi
                engine=$((engine > alone ? engine - alone : 0))
                row "$name: CPU / added to dockerd and containerd / both; resident memory (private)" \
                    "$(as_percent "$own" "$stats_seconds") / $(as_percent "$engine" "$stats_seconds") / $(as_percent \
                        $((own + engine)) "$stats_seconds"); $(as_mib "$rss") ($(as_mib "$private"))" "$budget"
                ;;
        esac
    done <"$dir/windows"
}

# As many rounds as there are in an hour, five times as fast.
measure_hour() {
    local before
    fresh_server --stats-interval 2s
    wait_for 30 "statistics of $containers containers" measures "$containers"
    before="$(status_kb "$server_pid" VmRSS) $(status_kb "$server_pid" RssAnon)"
    sleep 720
    row "memory that an hour of samples adds (360 rounds, every 2 s): resident / private" "$(as_mib \
        $(($(status_kb "$server_pid" VmRSS) - ${before% *}))) / $(as_mib $(($(status_kb "$server_pid" RssAnon) - ${before#* })))" \
        "$((containers * 360 * 32 / 1048576)) MiB of samples"
}

# How long the last rounds took, ms, one a line.
rounds() { # HOW_MANY SECONDS_BETWEEN
    local n
    for ((n = 0; n < $1; n++)); do
        sleep "$2"
        metric docker_watcher_sampling_duration_seconds | awk '{ printf "%.0f\n", $1 * 1000 }'
    done
}

measure_stats1000() {
    local what="1,000 simulated containers, Docker API" cpu stub_cpu
    stop_server
    start_stub 1000 0
    rm -rf "$dir/watcher-stub"
    sign_in "$dir/watcher-stub"
    start_server "$dir/watcher-stub" "$stub_host"
    wait_for 60 "statistics of $what" measures 1000
    sleep "$settle_seconds"
    cpu=$(ticks "$server_pid") stub_cpu=$(ticks "$stub_pid")
    sleep "$stats_seconds"
    row "$what: CPU (of the stub)" "$(as_percent $(($(ticks "$server_pid") - cpu)) "$stats_seconds") ($(as_percent \
        $(($(ticks "$stub_pid") - stub_cpu)) "$stats_seconds"))"
    row "$what: resident memory (private)" \
        "$(as_mib "$(status_kb "$server_pid" VmRSS)") ($(as_mib "$(status_kb "$server_pid" RssAnon)"))"
    rounds 6 10 >"$dir/rounds"
    row "$what: a round, median / longest of six" "$(percentile 50 <"$dir/rounds") / $(percentile 100 <"$dir/rounds") ms" "≤ 10 s"
    measure_latency /containers 20 "p99 ≤ 50 ms" "$what"
    measure_latency / 20 "p99 ≤ 50 ms" "$what"
    stop_server
    start_server "$dir/watcher-stub" "$stub_host" --stats-interval 2s
    wait_for 60 "statistics of $what" measures 1000
    rounds 4 5 >"$dir/rounds"
    row "$what: every 2 s; a round takes, and the page says" "$(percentile 50 <"$dir/rounds") ms; $(get /settings/stats |
        grep -o 'A round takes[^<]*' || echo nothing)" "said when stretched"
    stop_server
    stop_stub
}

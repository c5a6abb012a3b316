# shellcheck shell=bash
# 30 running containers and 30,000 that have been stopped for two months, on the stub engine of the tests: all of those are stale.
# Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

readonly stale_days=60

finds_stale() { get /api/summary | tr -d ' \n' | grep -q "\"stale\":$1\\b"; }

# How long each look for stale containers took so far, ms, with telling what is new.
looks() { sed -n 's/.*looked for stale containers.* ms=\([0-9]*\).*/\1/p' "$dir/watcher.log"; }
looked() { (($(looks | wc -l) > $1)); }

# One client that asks again as soon as it has its answer.
measure_alone() { # PATH BUDGET OF_WHAT
    local report
    report=$(wrk -t1 -c1 -d"${seconds}s" --latency -H "Authorization: Bearer $token" "http://127.0.0.1:$port$1")
    if grep -q 'Non-2xx' <<<"$report"; then
        say "$report"
        die "$1 answered with errors under load"
    fi
    row "$3: \`$1\`, one client: median / p99 (rate)" "$(awk '
        $1 == "50%" { half = $2 } $1 == "99%" { most = $2 } /^Requests\/sec/ { rate = $2 }
        END { printf "%s / %s (%d/s)", half, most, rate }' <<<"$report")" "$2"
}

measure_stale() {
    local what="30 + 30,000 stale containers" begin path n
    stop_server
    start_stub "$stub_running" "$stub_stopped" --days "$stale_days"
    rm -rf "$dir/watcher-stale"
    sign_in "$dir/watcher-stale"
    begin=$(now_us)
    start_server "$dir/watcher-stale" "$stub_host" --log-level debug --log-format text
    wait_for 300 "the stale containers" finds_stale "$stub_stopped"
    row "$what: first start until all are found and told" "$((($(now_us) - begin) / 1000)) ms"
    # Another look, at what is known: changed settings are a reason for one.
    for n in 1 2 3; do
        begin=$(looks | wc -l)
        curl -sS --fail -X PATCH -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
            -d "{\"undo_retention_days\": $((30 + n))}" "http://127.0.0.1:$port/api/settings" >/dev/null
        wait_for 30 "a look for stale containers" looked "$begin"
    done
    row "$what: a look that finds nothing new, median of 3" "$(looks | tail -n 3 | percentile 50) ms"
    sleep 3
    row "$what: resident memory, idle / highest" \
        "$(as_mib "$(status_kb "$server_pid" VmRSS)") / $(as_mib "$(status_kb "$server_pid" VmHWM)")" "≤ 120 MiB"
    for path in /stale "/stale?page=300" "/stale?sort=size" "/stale?q=job-2999" "/api/containers/stale" \
        "/api/containers/stale?limit=1000" / /api/summary "/stale/cleanup?all=1" /stale/images; do
        measure_latency "$path" 50 "p99 ≤ 50 ms" "$what"
        measure_alone "$path" "" "$what"
    done
    row "$what: resident memory after that" "$(as_mib "$(status_kb "$server_pid" VmRSS)")" "≤ 120 MiB"
    stop_server
    begin=$(now_us)
    start_server "$dir/watcher-stale" "$stub_host"
    wait_for 60 "the stale containers" finds_stale "$stub_stopped"
    row "$what: restart until all are found" "$((($(now_us) - begin) / 1000)) ms"
    sleep 5
    row "$what: resident memory after a restart" "$(as_mib "$(status_kb "$server_pid" VmRSS)")" "≤ 120 MiB"
    stop_server
    stop_stub
}

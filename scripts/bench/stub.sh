# shellcheck shell=bash
# 30 running and 30,000 stopped containers, on the stub engine of the tests: no Docker is needed. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

readonly stub_running=30 stub_stopped=30000
stub_pid=
stub_host=

# It takes statistics every second, like Docker 20.10, and who asks waits for that. Sets stub_host.
start_stub() { # RUNNING STOPPED [OPTION…]
    # Its socket goes with our directory.
    TMPDIR=$dir "$load" engine --running "$1" --stopped "$2" "${@:3}" >"$dir/stub" 2>"$dir/stub.log" </dev/null &
    stub_pid=$!
    wait_for 60 "the stub engine" grep -q '^host' "$dir/stub"
    stub_host=$(awk '$1 == "host" { print $2 }' "$dir/stub")
}

stop_stub() {
    [[ -n $stub_pid ]] || return 0
    kill "$stub_pid" 2>/dev/null || true
    wait "$stub_pid" 2>/dev/null || true
    stub_pid=
}

# How often it was asked to inspect, and when it was last.
inspected() { awk 'BEGIN { n = at = 0 } $1 == "inspected" { n = $2; at = $3 } END { print n, at }' "$dir/stub"; }

all_inspected() {
    local n
    read -r n _ < <(inspected)
    ((n >= stub_running + stub_stopped))
}

measure_stub() {
    local what="30 + 30,000 containers" begin n at cpu stub_cpu
    stop_server
    start_stub "$stub_running" "$stub_stopped"
    rm -rf "$dir/watcher-stub"
    sign_in "$dir/watcher-stub"
    begin=$(now_us)
    start_server "$dir/watcher-stub" "$stub_host"
    row "$what: start to first page" "$start_ms ms" "≤ 150 ms"
    wait_for 60 "the list of $what" sees "$stub_running"
    row "$what: first start to the whole list" "$((($(now_us) - begin) / 1000)) ms"
    wait_for 300 "the last answer to inspect" all_inspected
    read -r n at < <(inspected)
    cpu=$(ticks "$server_pid")
    stub_cpu=$(ticks "$stub_pid")
    row "$what: first start until all are inspected (CPU of it, of the stub)" \
        "$(((at - begin) / 1000)) ms ($(as_seconds "$cpu"), $(as_seconds "$stub_cpu"))"
    sleep 5
    row "$what: resident memory, idle / highest" \
        "$(as_mib "$(status_kb "$server_pid" VmRSS)") / $(as_mib "$(status_kb "$server_pid" VmHWM)")" "≤ 120 MiB"
    cpu=$(ticks "$server_pid")
    sleep "$seconds"
    row "$what: CPU, idle, of one core" "$(as_percent $(($(ticks "$server_pid") - cpu)) "$seconds")" "≤ 0.3 %"
    measure_latency /containers 20 "p99 ≤ 50 ms" "$what"
    measure_latency "/containers?q=job-2999" 20 "p99 ≤ 50 ms" "$what"
    measure_latency "/containers?q=team3+web7" 20 "p99 ≤ 50 ms" "$what"
    measure_latency /api/containers 20 "p99 ≤ 50 ms" "$what"
    measure_latency "/api/containers?q=job-2999" 20 "p99 ≤ 50 ms" "$what"
    row "$what: resident memory after that" "$(as_mib "$(status_kb "$server_pid" VmRSS)")" "≤ 120 MiB"

    # What inspect said is kept: a restart asks only about those that run.
    stop_server
    read -r n _ < <(inspected)
    begin=$(now_us)
    start_server "$dir/watcher-stub" "$stub_host"
    wait_for 60 "the list of $what" sees "$stub_running"
    row "$what: restart to the whole list" "$((($(now_us) - begin) / 1000)) ms"
    sleep 5
    read -r at _ < <(inspected)
    row "$what: inspected again after a restart; resident memory" \
        "$((at - n)); $(as_mib "$(status_kb "$server_pid" VmRSS)")" "the running ones; ≤ 120 MiB"
    stop_server
    stop_stub
}

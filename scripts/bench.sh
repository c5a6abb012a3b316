#!/usr/bin/env bash
# Measures the release binary against a real engine with many running containers, and prints a table.
#
# The engine is a private one: its own containerd, data directory, socket and network namespace, and no firewall rules. The
# engine of this machine is neither used nor touched. Everything is removed at the end.
#
#   BENCH_CONTAINERS=200   running containers
#   BENCH_SECONDS=10       length of each load, and of each window in which CPU is counted (three times that)
#   BENCH_STARTS=10        starts of which the median is taken
#   BENCH_EVENTS=50        container events whose way to the browser is timed
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

readonly containers=${BENCH_CONTAINERS:-200}
readonly seconds=${BENCH_SECONDS:-10}
readonly idle_seconds=$((seconds * 3))
readonly starts=${BENCH_STARTS:-10}
readonly events=${BENCH_EVENTS:-50}

readonly namespace=dw-bench$((RANDOM % 1000))
# 198.18.0.0/15 is set aside for benchmarks (RFC 2544), so it collides with nobody's network.
dir=$(mktemp -d "${TMPDIR:-/tmp}/docker-watcher-bench.XXXXXX")
readonly dir socket=$dir/docker.sock data=$dir/watcher
server_pid=
port=
token=

# ---- The private engine -----------------------------------------------------------------------------------------

private_docker() { DOCKER_HOST="unix://$socket" docker "$@"; }

pid_in() { as_root cat "$1" 2>/dev/null || true; }

wait_for() { # SECONDS WHAT COMMAND…
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            tail -n 20 "$dir"/*.log >&2 2>/dev/null || true
            die "$what did not come up"
        fi
        sleep 0.1
    done
}

start_engine() {
    # A network namespace of its own: dockerd would otherwise reset firewall chains and remove the docker0 of this machine.
    as_root ip netns add "$namespace"
    as_root ip -n "$namespace" link set lo up

    # A containerd of its own as well: dockerd would otherwise join the one of this machine.
    printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$dir/containerd.toml"
    as_root sh -c "echo \$\$ >'$dir/containerd.pid'; exec containerd --config '$dir/containerd.toml' \
        --root '$dir/containerd' --state '$dir/containerd-state' --address '$dir/containerd.sock' --log-level warn" \
        >"$dir/containerd.log" 2>&1 </dev/null &
    wait_for 20 containerd as_root test -S "$dir/containerd.sock"

    # An empty configuration: the one of this machine may name sockets of its own.
    echo '{}' >"$dir/daemon.json"
    as_root nsenter --net="/run/netns/$namespace" dockerd --config-file "$dir/daemon.json" --host "unix://$socket" --group "$(id -gn)" \
        --pidfile "$dir/dockerd.pid" --containerd "$dir/containerd.sock" \
        --data-root "$dir/docker" --exec-root "$dir/docker-exec" \
        --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        --log-level warn >"$dir/dockerd.log" 2>&1 </dev/null &
    wait_for 30 dockerd private_docker version
}

# busybox alone is a whole system.
import_image() {
    local root=$dir/image
    mkdir -p "$root"/bin "$root"/etc "$root"/proc "$root"/sys "$root"/dev "$root"/tmp
    cp "$(command -v busybox)" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    tar -C "$root" --owner=0 --group=0 -c . |
        private_docker import --change 'CMD ["/bin/busybox","sleep","2147483647"]' - bench:1 >/dev/null
}

# In Compose projects of ten, with the labels and the address of real ones. SIGKILL, since process 1 ignores SIGTERM.
run_container() {
    private_docker run -d --name "bench-$1" --restart unless-stopped --stop-signal KILL \
        --label "com.docker.compose.project=shop$(($1 / 10))" --label "com.docker.compose.service=web$(($1 % 10))" \
        --label "com.docker.compose.container-number=1" --label "org.example.team=team$(($1 % 7))" \
        bench:1 >/dev/null
}

run_containers() {
    local n pids=()
    for ((n = 1; n <= containers; n++)); do
        run_container "$n" &
        pids+=($!)
        if ((n % 4 == 0)); then
            wait "${pids[@]}"
            pids=()
        fi
    done
    if ((${#pids[@]})); then wait "${pids[@]}"; fi
    [[ $(private_docker ps -q | wc -l) -eq $containers ]] || die "not every container started"
}

# ---- The product ------------------------------------------------------------------------------------------------

free_port() {
    local candidate
    while :; do
        candidate=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null || { echo "$candidate"; return; }
    done
}

now_us() { printf '%s\n' "${EPOCHREALTIME/[.,]/}"; }

# Without a process per attempt, so that what is measured is the start of the product.
healthz_answers() {
    local answer=
    { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
    printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r -t 2 answer <&3 || true
    exec 3<&-
    [[ $answer == *" 200 "* ]]
}

# Sets start_ms.
start_server() {
    local begin
    port=$(free_port)
    begin=$(now_us)
    env -u DOCKER_HOST "$binary" serve --data-dir "$data" --listen "127.0.0.1:$port" --docker-host "unix://$socket" \
        --gateway-http off --gateway-https off >"$dir/watcher.out" 2>"$dir/watcher.log" </dev/null &
    server_pid=$!
    until healthz_answers; do
        kill -0 "$server_pid" 2>/dev/null || { cat "$dir/watcher.log" >&2; die "the server ended at once"; }
        (($(now_us) - begin < 30000000)) || die "the server did not answer within 30 s"
    done
    start_ms=$((($(now_us) - begin) / 100))
    start_ms=$((start_ms / 10)).$((start_ms % 10))
}

stop_server() {
    [[ -n $server_pid ]] || return 0
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
}

get() { curl -sS --fail --max-time 10 -H "Authorization: Bearer $token" "http://127.0.0.1:$port$1"; }

sees_all_containers() { get /api/summary | tr -d ' \n' | grep -q "\"running\":$containers\\b"; }

page_is_whole() {
    local rows
    rows=$(get /containers | grep -o 'bench-[0-9]*' | sort -u | wc -l)
    ((rows >= containers)) || die "/containers shows $rows of $containers containers"
}

# ---- Measuring --------------------------------------------------------------------------------------------------

# percentile P, of the numbers on standard input, one a line.
percentile() {
    sort -n | awk -v p="$1" '{ v[NR] = $1 } END { if (!NR) { print "-"; exit } i = int(NR * p / 100 + 0.999999); print v[i < 1 ? 1 : i] }'
}

# CPU time used so far by a process, in ticks.
ticks() {
    local stat
    stat=$(cat "/proc/$1/stat")
    # The name in parentheses may hold blanks; after it, utime and stime are fields 12 and 13.
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    echo $((${12} + ${13}))
}

# Percent of one core that a number of ticks is, over the idle window.
as_percent() { awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v s="$idle_seconds" 'BEGIN { printf "%.2f", t / hz / s * 100 }'; }

engine_ticks() { echo $(($(ticks "$(pid_in "$dir/dockerd.pid")") + $(ticks "$(pid_in "$dir/containerd.pid")"))); }

rows=()
row() { rows+=("| $1 | $2 |"); }

measure_binary() {
    row "release binary" "$(awk -v b="$(stat -c %s "$binary")" 'BEGIN { printf "%.1f MB", b / 1e6 }')"
}

measure_starts() {
    local n first list=()
    start_server
    first=$start_ms
    stop_server
    for ((n = 0; n < starts; n++)); do
        start_server
        list+=("$start_ms")
        stop_server
    done
    row "start to first page, new data directory" "$first ms"
    row "start to first page, median of $starts" "$(printf '%s\n' "${list[@]}" | percentile 50) ms"
}

sign_in() {
    echo 'correct horse battery staple' |
        "$binary" user add admin --role admin --password-stdin --data-dir "$data" >/dev/null
    token=$("$binary" token create bench --user admin --data-dir "$data")
}

measure_idle() {
    local engine_before engine_alone own
    sleep 5
    engine_before=$(engine_ticks)
    sleep "$idle_seconds"
    engine_alone=$(($(engine_ticks) - engine_before))

    start_server
    wait_for 60 "the list of containers" sees_all_containers
    # What a start needs is not what idling needs.
    sleep 10
    own=$(ticks "$server_pid")
    engine_before=$(engine_ticks)
    sleep "$idle_seconds"
    own=$(($(ticks "$server_pid") - own))
    row "CPU, idle, of one core" "$(as_percent "$own") %"
    row "CPU added to dockerd and containerd" "$(as_percent $(($(engine_ticks) - engine_before - engine_alone))) %"
    row "resident memory, idle" \
        "$(awk '/^VmRSS:/ { rss = $2 } /^RssAnon:/ { anon = $2 } END { printf "%.1f MiB (%.1f private)", rss / 1024, anon / 1024 }' \
            "/proc/$server_pid/status")"
}

# One page at a time, 50 a second, over one connection: what a visitor feels.
measure_latency() { # PATH
    local times
    # The fragment is never sent; it only makes the addresses differ.
    times=$(curl -sS --fail --rate 50/s -H "Authorization: Bearer $token" -o /dev/null -w '%{time_total}\n' \
        "http://127.0.0.1:$port$1#[1-$((seconds * 50))]" 2>/dev/null | awk '{ print $1 * 1000 }')
    row "\`$1\` at 50 pages/s: median / p99" \
        "$(percentile 50 <<<"$times") / $(percentile 99 <<<"$times") ms"
}

# As much as it can: the server on one core, the load on another.
measure_throughput() { # PATH
    local report last_core
    last_core=$(($(nproc) - 1))
    taskset -acp 0 "$server_pid" >/dev/null
    report=$(taskset -c "$last_core" wrk -t1 -c16 -d"${seconds}s" --latency -H "Authorization: Bearer $token" \
        "http://127.0.0.1:$port$1")
    taskset -acp "0-$last_core" "$server_pid" >/dev/null
    if grep -q 'Non-2xx' <<<"$report"; then
        say "$report"
        die "$1 answered with errors under load"
    fi
    row "\`$1\`, 16 clients, server on one core" \
        "$(awk '/^Requests\/sec/ { printf "%d pages/s", $2 }' <<<"$report"), p99 $(awk '$1 == "99%" { print $2 }' <<<"$report")"
    row "resident memory after that" "$(awk '/^VmRSS:/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$server_pid/status")"
}

# From the engine's own time of an event to the first line about that container in an open page's stream.
measure_event_latency() {
    local n stream reader_pid listener_pid
    stream=$dir/stream
    curl -sN --max-time 300 -H "Authorization: Bearer $token" -H 'Accept: text/event-stream' \
        "http://127.0.0.1:$port/live?for=%2Fcontainers" \
        2>/dev/null > >(while IFS= read -r line; do printf '%s %s\n' "$(now_us)" "$line"; done >"$stream") &
    reader_pid=$!
    private_docker events --filter event=pause --format '{{.TimeNano}} {{.Actor.ID}} {{index .Actor.Attributes "name"}}' \
        >"$dir/events" &
    listener_pid=$!
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
    kill "$listener_pid" "$reader_pid" 2>/dev/null || true
    wait "$listener_pid" "$reader_pid" 2>/dev/null || true
    row "Docker event to open page: median / p99 ($(wc -l <"$dir/latencies") of $((n - 1)) events seen)" \
        "$(percentile 50 <"$dir/latencies") / $(percentile 99 <"$dir/latencies") ms"
}

print_table() {
    printf '\n%s containers, %s × %s, Docker %s\n\n' "$containers" "$(nproc)" \
        "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" \
        "$(private_docker version --format '{{.Server.Version}}')"
    printf '| what | measured |\n|---|---|\n'
    printf '%s\n' "${rows[@]}"
}

# ---- Before and after -------------------------------------------------------------------------------------------

# The keepers of containers that dockerd did not live to stop: their command lines name our containerd.
end_left_shims() {
    local process
    for process in /proc/[0-9]*; do
        if tr '\0' '\n' 2>/dev/null <"$process/cmdline" | grep -qxF "$dir/containerd.sock"; then
            as_root kill -9 "${process#/proc/}" 2>/dev/null
        fi
    done
}

clean_up() {
    local pid job
    set +e
    trap - EXIT INT TERM
    say "Cleaning up"
    stop_server
    for job in "$dir/dockerd.pid" "$dir/containerd.pid"; do
        pid=$(pid_in "$job")
        [[ -n $pid ]] || continue
        as_root kill "$pid" 2>/dev/null
        for _ in {1..300}; do
            as_root kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        as_root kill -9 "$pid" 2>/dev/null
    done
    end_left_shims
    awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r |
        while IFS= read -r mount; do as_root umount -l "$mount"; done
    as_root ip netns delete "$namespace" 2>/dev/null
    as_root rm -rf "$dir"
}

missing_bench_packages() {
    missing_compiler_packages
    have ip || echo iproute2
    have curl || echo curl
    have wrk || echo wrk
}

set_up() {
    local packages
    need_cargo
    may_be_root || die "the benchmark starts a Docker engine of its own, and that takes root." "Type sudo -v first."
    mapfile -t packages < <(missing_bench_packages)
    if ((${#packages[@]})); then apt_install "${packages[@]}"; fi
    install_engine_at_rest
    cargo build --release --locked
    binary=$(release_binary)
}

trap clean_up EXIT
trap 'exit 130' INT TERM

set_up
say "Starting an engine with $containers containers"
start_engine
import_image
run_containers

say "Measuring"
measure_binary
measure_starts
sign_in
measure_idle
page_is_whole
for page in /containers /; do
    measure_latency "$page"
    measure_throughput "$page"
done
measure_event_latency
print_table

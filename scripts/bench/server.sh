# shellcheck shell=bash
# The product under test: one at a time, on a free port. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

server_pid=
port=
token=
start_ms=

free_port() {
    local candidate
    while :; do
        candidate=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null || { echo "$candidate"; return; }
    done
}

# Without a process per attempt, so that what is measured is the start of the product.
healthz_answers() {
    local answer=
    { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
    printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
    IFS= read -r -t 2 answer <&3 || true
    exec 3<&-
    [[ $answer == *" 200 "* ]]
}

# What starts it, when it is not to see the processes of this machine.
inside=()

# Sets start_ms: until the first page is served.
start_server() { # DATA_DIR DOCKER_HOST [FLAG…]
    local begin
    port=$(free_port)
    begin=$(now_us)
    "${inside[@]}" env -u DOCKER_HOST "$binary" serve --data-dir "$1" --listen "127.0.0.1:$port" --docker-host "$2" \
        --gateway-http off --gateway-https off "${@:3}" >"$dir/watcher.out" 2>"$dir/watcher.log" </dev/null &
    server_pid=$!
    until healthz_answers; do
        kill -0 "$server_pid" 2>/dev/null || { cat "$dir/watcher.log" >&2; die "the server ended at once"; }
        (($(now_us) - begin < 30000000)) || die "the server did not answer within 30 s"
    done
    start_ms=$((($(now_us) - begin) / 100))
    start_ms=$((start_ms / 10)).$((start_ms % 10))
}

# The process of the server itself: where something else started it, the last one of the chain.
server_process() { tree "$server_pid" | tail -n 1; }

stop_server() {
    [[ -n $server_pid ]] || return 0
    local process
    process=$(server_process)
    kill "$process" 2>/dev/null || as_root kill "$process" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=
}

# Sets token.
sign_in() { # DATA_DIR
    echo 'correct horse battery staple' |
        "$binary" user add admin --role admin --password-stdin --data-dir "$1" >/dev/null
    token=$("$binary" token create bench --user admin --data-dir "$1")
}

# A server that watches the private engine and has settled: every part gets a fresh one.
fresh_server() { # [FLAG…]
    need_engine
    stop_server
    rm -rf "$dir/watcher" 2>/dev/null || as_root rm -rf "$dir/watcher"
    sign_in "$dir/watcher"
    start_server "$dir/watcher" "unix://$socket" "$@"
    wait_for 60 "the list of containers" sees "$containers"
    # What a start needs is not what idling needs.
    sleep 3
}

get() { curl -sS --fail --max-time 10 -H "Authorization: Bearer $token" "http://127.0.0.1:$port$1"; }

# Whether so many containers run, as the product sees it.
sees() { get /api/summary | tr -d ' \n' | grep -q "\"running\":$1\\b"; }

# The value of one metric.
metric() { get /metrics | awk -v name="$1" 'index($1, name "{") == 1 || $1 == name { value = $2 } END { print value }'; }

# Whether so many containers were measured.
measures() { [[ $(get /metrics | grep -c '^docker_watcher_container_cpu_seconds_total') -ge $1 ]]; }

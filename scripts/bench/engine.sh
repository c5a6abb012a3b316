# shellcheck shell=bash
# A private Docker engine with many running containers. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

readonly socket=$dir/docker.sock
readonly namespace=dw-bench$((RANDOM % 1000))
engine_runs=

private_docker() { DOCKER_HOST="unix://$socket" docker "$@"; }

pid_in() { as_root cat "$1" 2>/dev/null || true; }

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
run_container() { # NUMBER [COMMAND…]
    private_docker run -d --name "bench-$1" --restart unless-stopped --stop-signal KILL \
        --label "com.docker.compose.project=shop$(($1 / 10))" --label "com.docker.compose.service=web$(($1 % 10))" \
        --label "com.docker.compose.container-number=1" --label "org.example.team=team$(($1 % 7))" \
        bench:1 "${@:2}" >/dev/null
}

# Every tenth container, started anew with another command; with none it sleeps again. The rest always sleeps.
run_tenths() { # [COMMAND…]
    local n
    for ((n = 10; n <= containers; n += 10)); do
        private_docker rm -f "bench-$n" >/dev/null
        run_container "$n" "$@"
    done
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

# The engine with its containers, once for all parts that need it.
need_engine() {
    [[ -z $engine_runs ]] || return 0
    say "Starting an engine with $containers containers"
    start_engine
    import_image
    run_containers
    engine_runs=yes
}

engine_ticks() { echo $(($(ticks "$(pid_in "$dir/dockerd.pid")") + $(ticks "$(pid_in "$dir/containerd.pid")"))); }

events_pid=

# Writes down when containers are paused, by the engine's own clock, to $dir/events.
follow_events() { # FORMAT [FILTER…]
    # No function in the background: killing that would leave its docker behind.
    DOCKER_HOST="unix://$socket" docker events --filter event=pause "${@:2}" --format "$1" >"$dir/events" &
    events_pid=$!
}

stop_following() {
    kill "$events_pid" 2>/dev/null || true
    wait "$events_pid" 2>/dev/null || true
}

# The keepers of containers that dockerd did not live to stop: their command lines name our containerd.
end_left_shims() {
    local process
    for process in /proc/[0-9]*; do
        if tr '\0' '\n' 2>/dev/null <"$process/cmdline" | grep -qxF "$dir/containerd.sock"; then
            as_root kill -9 "${process#/proc/}" 2>/dev/null
        fi
    done
}

# Nothing of it stays, whether it came up or not.
end_engine() {
    local job pid
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
}

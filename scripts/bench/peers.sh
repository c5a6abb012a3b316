# shellcheck shell=bash
# Peers, where they install by themselves: a ratio, not an absolute truth. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

peer_pid=

stop_peer() {
    [[ -n $peer_pid ]] || return 0
    kill "$peer_pid" 2>/dev/null || true
    wait "$peer_pid" 2>/dev/null || true
    peer_pid=
}

peer_answers() { curl -sS --fail --max-time 5 -o /dev/null "http://127.0.0.1:$port/api/4/containers"; }

# Into a folder of ours, from PyPI.
install_glances() {
    have python3 || return 1
    timeout 60 python3 -m venv "$dir/glances" &&
        timeout 240 "$dir/glances/bin/pip" install --quiet --disable-pip-version-check 'glances[web,containers]'
}

measure_peers() {
    local engine_before engine_alone own what
    need_engine
    stop_server
    if ! install_glances >"$dir/glances.log" 2>&1; then
        skipped "Glances" "it could not be installed: $(tail -n 1 "$dir/glances.log")"
        return
    fi
    what="Glances $("$dir/glances/bin/pip" show glances 2>/dev/null | awk '$1 == "Version:" { print $2 }')"
    sleep 5
    engine_before=$(engine_ticks)
    sleep "$idle_seconds"
    engine_alone=$(($(engine_ticks) - engine_before))

    port=$(free_port)
    echo >"$dir/glances.conf"
    env DOCKER_HOST="unix://$socket" "$dir/glances/bin/glances" -C "$dir/glances.conf" -w -B 127.0.0.1 -p "$port" \
        --disable-autodiscover --disable-check-update >"$dir/glances.log" 2>&1 </dev/null &
    peer_pid=$!
    wait_for 60 "$what" peer_answers
    # It opens a stream of statistics for each container first.
    sleep 15
    own=$(ticks "$peer_pid")
    engine_before=$(engine_ticks)
    sleep "$idle_seconds"
    own=$(($(ticks "$peer_pid") - own))
    row "$what, idle: CPU / added to dockerd and containerd / resident memory" \
        "$(as_percent "$own" "$idle_seconds") / $(as_percent $(($(engine_ticks) - engine_before - engine_alone)) \
            "$idle_seconds") / $(as_mib "$(status_kb "$peer_pid" VmRSS)")"
    stop_peer
}

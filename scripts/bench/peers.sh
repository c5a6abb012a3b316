# shellcheck shell=bash
# Peers, where they install by themselves: a ratio, not an absolute truth. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

peer_pid=
peer=

stop_peer() {
    [[ -n $peer_pid ]] || return 0
    local all
    mapfile -t all < <(tree "$peer_pid")
    kill "$peer_pid" 2>/dev/null || true
    wait "$peer_pid" 2>/dev/null || true
    # What it started and left behind.
    kill "${all[@]:1}" 2>/dev/null || true
    peer_pid=
}

peer_answers() { curl -sS --fail --max-time 5 -o /dev/null "http://127.0.0.1:$port$1"; }

# Into a folder of ours, from PyPI.
install_glances() {
    have python3 || return 1
    timeout 60 python3 -m venv "$dir/glances" &&
        timeout 240 "$dir/glances/bin/pip" install --quiet --disable-pip-version-check 'glances[web,containers]'
}

# Sets peer: its name.
start_glances() {
    if ! install_glances >"$dir/glances.log" 2>&1; then
        skipped "Glances" "it could not be installed: $(tail -n 1 "$dir/glances.log")"
        return 1
    fi
    peer="Glances $("$dir/glances/bin/pip" show glances 2>/dev/null | awk '$1 == "Version:" { print $2 }')"
    port=$(free_port)
    echo >"$dir/glances.conf"
    env DOCKER_HOST="unix://$socket" "$dir/glances/bin/glances" -C "$dir/glances.conf" -w -B 127.0.0.1 -p "$port" \
        --disable-autodiscover --disable-check-update >"$dir/glances.log" 2>&1 </dev/null &
    peer_pid=$!
    wait_for 60 "$peer" peer_answers /api/4/containers
}

# Debian's, at rest: it is run by hand, with a configuration and a cache of ours.
install_netdata() {
    have netdata && return
    have apt-get || return 1
    without_starting_services apt_install netdata || return 1
    if have systemctl; then as_root systemctl disable --quiet netdata.service 2>/dev/null || true; fi
    have netdata
}

netdata_knows() {
    [[ $(curl -sS --fail --max-time 20 "http://127.0.0.1:$port/api/v1/charts" | grep -o '"id": *"cgroup_bench-[0-9]*\.cpu"' | wc -l) -ge $1 ]]
}

# Sets peer: its name.
start_netdata() { # SECONDS_BETWEEN_MEASUREMENTS
    local part unified=yes
    # Where both versions are mounted it would look at the one that has no containers.
    [[ -e /sys/fs/cgroup/cgroup.controllers ]] || unified=no
    if ! (install_netdata) >"$dir/netdata.log" 2>&1; then
        skipped "Netdata" "it could not be installed: $(tail -n 1 "$dir/netdata.log")"
        return 1
    fi
    peer="Netdata $(netdata -v 2>&1 | awk '{ print $2; exit }'), every $1 s"
    port=$(free_port)
    rm -rf "$dir/netdata"
    for part in config cache lib log; do mkdir -p "$dir/netdata/$part"; done
    cat >"$dir/netdata.conf" <<EOF
[global]
    run as user = $(id -un)
    update every = $1
[directories]
    config = $dir/netdata/config
    cache = $dir/netdata/cache
    lib = $dir/netdata/lib
    log = $dir/netdata/log
[web]
    bind to = 127.0.0.1:$port
[plugin:cgroups]
    use unified cgroups = $unified
[statsd]
    enabled = no
[registry]
    enabled = no
EOF
    : >"$dir/netdata/config/.opt-out-from-anonymous-statistics"
    env DOCKER_HOST="unix://$socket" netdata -D -c "$dir/netdata.conf" -P "$dir/netdata.pid" >"$dir/netdata.log" 2>&1 </dev/null &
    peer_pid=$!
    if ! (wait_for 600 "$peer" netdata_knows "$containers"); then
        stop_peer
        skipped "$peer" "it did not show $containers containers"
        return 1
    fi
}

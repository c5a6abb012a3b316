#!/usr/bin/env bash
# Sets up what is missing on this machine, builds the release binary and starts it. Arguments go to `serve`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

readonly default_socket=/var/run/docker.sock
readonly dockerd_log=/var/log/dockerd.log
readonly engine_deadline_s=60

# Where the product will look for the engine: the same order as its own.
engine_address() {
    local host=${DOCKER_WATCHER_DOCKER_HOST:-${DOCKER_HOST:-}}
    while (($#)); do
        case $1 in
            --docker-host) host=${2:-} ;;
            --docker-host=*) host=${1#*=} ;;
        esac
        shift
    done
    printf '%s\n' "${host:-unix://$default_socket}"
}

# answers | denied | refused (a socket without a listener) | silent | absent | unknown
socket_state() {
    local socket=$1 status=0
    [[ -S $socket ]] || { echo absent; return; }
    [[ -r $socket && -w $socket ]] || { echo denied; return; }
    have curl || { echo unknown; return; }
    # Any HTTP answer will do: a filtering socket proxy may say 403. Long, since systemd may start dockerd on this call.
    curl -s -o /dev/null --max-time 20 --unix-socket "$socket" http://docker/_ping || status=$?
    case $status in
        0) echo answers ;;
        7) echo refused ;;
        *) echo silent ;;
    esac
}

say_how_to_get_an_engine() {
    say "Type this to install and start one:"
    say "    sudo apt-get install -y docker.io iptables"
    if systemd_runs; then say "    sudo systemctl enable --now docker"; else say "    sudo dockerd"; fi
    say "Docker Watcher starts all the same and connects when an engine appears."
}

say_how_to_reach_the_socket() {
    say "You ($(id -un)) may not open $1, so Docker Watcher will not see your containers."
    say "Type this, then log out and in again:"
    say "    sudo usermod -aG $(stat -Lc %G "$1") $(id -un)"
    say "(Members of that group are as powerful as root on this machine.)"
}

start_engine() {
    if systemd_runs; then
        say "Starting Docker: systemctl start docker"
        as_root systemctl start docker || true
        systemctl is-enabled --quiet docker 2>/dev/null ||
            say "It will not start with the machine; for that, type: sudo systemctl enable docker"
    else
        say "Starting Docker: dockerd, in the background; its log is $dockerd_log"
        as_root sh -c "setsid dockerd >>$dockerd_log 2>&1 </dev/null &"
    fi
}

engine_answers() { as_root curl -s -o /dev/null --max-time 5 --unix-socket "$default_socket" http://docker/_ping; }

wait_for_engine() {
    local end=$((SECONDS + engine_deadline_s))
    until engine_answers; do
        if ((SECONDS >= end)); then
            say "The engine did not answer within $engine_deadline_s seconds. The end of its log:"
            if systemd_runs; then as_root journalctl -u docker -n 20 --no-pager >&2 || true
            else as_root tail -n 20 "$dockerd_log" >&2 || true; fi
            say "Docker Watcher starts all the same and connects when it answers."
            return
        fi
        sleep 0.5
    done
    say "The engine is up."
}

set_up_engine() {
    if ! may_be_root || { ! have dockerd && ! have apt-get; }; then
        say_how_to_get_an_engine
        return
    fi
    local packages
    mapfile -t packages < <(missing_engine_packages)
    if ! have dockerd; then
        # In a subshell: a failed installation of the engine is no reason not to start.
        (apt_install "${packages[@]}" ca-certificates) || { say_how_to_get_an_engine; return; }
    fi
    start_engine
    wait_for_engine
    if ! systemd_runs; then say "It keeps running; to stop it: sudo kill \$(cat /var/run/docker.pid)"; fi
}

look_for_engine() {
    local address=$1 socket
    if [[ $address != unix://* ]]; then
        say "The engine is expected at $address."
        return
    fi
    socket=${address#unix://}
    case $(socket_state "$socket") in
        answers | unknown) ;;
        denied) say_how_to_reach_the_socket "$socket" ;;
        silent) say "Something listens on $socket but does not answer. Docker Watcher starts and waits for it." ;;
        absent | refused)
            say "No Docker engine answers at $address."
            # Another address is the user's own arrangement.
            if [[ $socket == "$default_socket" || $socket == /run/docker.sock ]]; then
                set_up_engine
                if [[ $(socket_state "$socket") == denied ]]; then say_how_to_reach_the_socket "$socket"; fi
            else
                say "Docker Watcher starts all the same and connects when one appears."
            fi
            ;;
    esac
}

install_build_tools() {
    local packages
    mapfile -t packages < <(missing_compiler_packages)
    # Only for asking the engine whether it is there: nothing fails without it.
    if ! have curl && have apt-get && may_be_root; then packages+=(curl); fi
    if ((${#packages[@]})); then apt_install "${packages[@]}"; fi
}

need_cargo
install_build_tools
look_for_engine "$(engine_address "$@")"
cargo build --release --locked
exec "$(release_binary)" serve "$@"

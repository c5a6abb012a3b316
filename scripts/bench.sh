#!/usr/bin/env bash
# Measures the release binary and prints a table with the budgets beside it.
#
# Most parts use a private Docker engine with many running containers: its own containerd, data directory, socket and network
# namespace, and no firewall rules. The engine of this machine is neither used nor touched. Everything is removed at the end.
#
#   BENCH_ONLY="binary starts idle stats pages events sse logs stub stale stats1000 writer search gateway"   the parts to run; without it, all of these
#                          There is one more, hour: what an hour of samples takes in memory, in twelve minutes
#   BENCH_PEERS=0          without the peers that stats measures beside Docker Watcher: Glances from PyPI, Netdata of the distribution
#   BENCH_CONTAINERS=200   running containers
#   BENCH_SECONDS=10       length of each load, and of each window in which CPU is counted (three times that)
#   BENCH_STATS=120        length of each window of the parts stats and stats1000; with settling, stats takes 20 minutes
#   BENCH_STARTS=10        starts of which the median is taken
#   BENCH_EVENTS=50        container events whose way to the browser is timed
#   BENCH_STREAMS=1000     live streams that are open at once
#   BENCH_ROUNDS=5         rounds of the part gateway, of which the median is taken, each of BENCH_GATEWAY_SECONDS=3
#
# The parts stub, stale, stats1000, writer, search and gateway need no Docker; they need no root, but gateway installs nginx and Caddy.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

readonly containers=${BENCH_CONTAINERS:-200}
readonly seconds=${BENCH_SECONDS:-10}
readonly idle_seconds=$((seconds * 3))
readonly stats_seconds=${BENCH_STATS:-120}
readonly starts=${BENCH_STARTS:-10}
readonly events=${BENCH_EVENTS:-50}
readonly streams=${BENCH_STREAMS:-1000}
read -ra parts <<<"${BENCH_ONLY:-binary starts idle stats pages events sse logs stub stale stats1000 writer search gateway}"
readonly parts

dir=$(mktemp -d "${TMPDIR:-/tmp}/docker-watcher-bench.XXXXXX")
readonly dir

# shellcheck source=scripts/bench/measure.sh
source scripts/bench/measure.sh
# shellcheck source=scripts/bench/engine.sh
source scripts/bench/engine.sh
# shellcheck source=scripts/bench/server.sh
source scripts/bench/server.sh
# shellcheck source=scripts/bench/pages.sh
source scripts/bench/pages.sh
# shellcheck source=scripts/bench/live.sh
source scripts/bench/live.sh
# shellcheck source=scripts/bench/stub.sh
source scripts/bench/stub.sh
# shellcheck source=scripts/bench/stale.sh
source scripts/bench/stale.sh
# shellcheck source=scripts/bench/writer.sh
source scripts/bench/writer.sh
# shellcheck source=scripts/bench/gateway.sh
source scripts/bench/gateway.sh
# shellcheck source=scripts/bench/peers.sh
source scripts/bench/peers.sh
# shellcheck source=scripts/bench/stats.sh
source scripts/bench/stats.sh

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

clean_up() {
    set +e
    trap - EXIT INT TERM
    say "Cleaning up"
    if [[ -n $clients_pid ]]; then kill "$clients_pid" 2>/dev/null; fi
    stop_server
    stop_stub
    stop_gateway
    stop_peer
    end_engine
    drop_writer_dir
    rm -rf "$dir" 2>/dev/null || as_root rm -rf "$dir"
}

wanted() {
    local part
    for part in "$@"; do
        if [[ " ${parts[*]} " == *" $part "* ]]; then return; fi
    done
    return 1
}

needs_engine() { wanted starts idle stats hour pages events sse logs; }

missing_bench_packages() {
    missing_compiler_packages
    have curl || echo curl
    if wanted pages stale; then have wrk || echo wrk; fi
    if needs_engine; then have ip || echo iproute2; fi
}

set_up() {
    local packages part
    for part in "${parts[@]}"; do
        declare -F "measure_$part" >/dev/null || die "BENCH_ONLY: there is no part \"$part\"." "The top of scripts/bench.sh lists them."
    done
    need_cargo
    mapfile -t packages < <(missing_bench_packages)
    if ((${#packages[@]})); then apt_install "${packages[@]}"; fi
    if needs_engine; then
        may_be_root || die "the benchmark starts a Docker engine of its own, and that takes root." "Type sudo -v first."
        install_engine_at_rest
    fi
    cargo build --release --locked --example load
    cargo build --release --locked
    # Copies: somebody may build meanwhile.
    binary=$dir/docker-watcher load=$dir/load
    cp "$(release_binary)" "$binary"
    cp "${CARGO_TARGET_DIR:-target}/release/examples/load" "$load"
}

trap clean_up EXIT
trap 'exit 130' INT TERM

set_up
for part in "${parts[@]}"; do
    say "Measuring: $part"
    "measure_$part"
done
print_table

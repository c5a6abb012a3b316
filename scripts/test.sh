#!/usr/bin/env bash
# Sets up what the tests need and runs all of them: format, lints, unit, integration, browser.
# The engine of this machine is neither used nor started nor stopped: the tests start one of their own, with its own
# data directory, socket and network. Arguments go to `cargo test`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

# The tests' own dockerd needs root. Asks for the password now rather than in the middle of a test.
need_root() {
    is_root && return
    have sudo || die "the tests start a Docker engine of their own, and that takes root or sudo."
    sudo -n true 2>/dev/null || sudo -v || die "the tests start a Docker engine of their own, and that takes sudo."
    # Read by tests/it: start dockerd by `sudo -n`.
    export DOCKER_WATCHER_TEST_SUDO=1
}

missing_test_packages() {
    missing_compiler_packages
    have ip || echo iproute2
    have chromium || echo chromium
    have chromedriver || echo chromium-driver
    # Some tests move the clock.
    compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1" >/dev/null || echo libfaketime
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
}

install_missing() {
    local packages
    mapfile -t packages < <(missing_test_packages)
    if ((${#packages[@]})); then apt_install "${packages[@]}"; fi
    install_engine_at_rest
    # It brings promtool, and a service that nobody asked for.
    if ! have promtool; then
        without_starting_services apt_install prometheus
        if have systemctl; then as_root systemctl disable --quiet prometheus.service prometheus-node-exporter.service 2>/dev/null || true; fi
    fi
}

need_cargo
need_cargo_component fmt rustfmt
need_cargo_component clippy clippy
need_root
install_missing

cargo fmt --check
cargo clippy --all-targets --locked -- -D warnings
cargo test --locked --no-run
# The build may have outlived what sudo remembers.
need_root
cargo test --locked --no-fail-fast "$@"

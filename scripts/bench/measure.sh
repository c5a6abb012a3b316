# shellcheck shell=bash
# Numbers, and the table they end up in. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

now_us() { printf '%s\n' "${EPOCHREALTIME/[.,]/}"; }

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

# The processes of a tree, its root first.
tree() { # PID
    local child
    printf '%s\n' "$1"
    for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do tree "$child"; done
}

# CPU time used so far by a tree of processes, in ticks, with what of it has ended.
tree_ticks() { # PID
    local pid sum=0 stat fields
    for pid in $(tree "$1"); do
        stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
        read -ra fields <<<"${stat##*) }"
        sum=$((sum + fields[11] + fields[12] + fields[13] + fields[14]))
    done
    echo "$sum"
}

# tree_kb PID FIELD, of /proc/PID/status, added up.
tree_kb() {
    local pid sum=0 kb
    for pid in $(tree "$1"); do
        kb=$(status_kb "$pid" "$2" 2>/dev/null) || continue
        sum=$((sum + ${kb:-0}))
    done
    echo "$sum"
}

# as_percent TICKS SECONDS: of one core. Less than a tick is no zero.
as_percent() {
    awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v s="$2" 'BEGIN {
        if (t < 1) printf "< %.2f %%", 100 / hz / s; else printf "%.2f %%", t / hz / s * 100 }'
}

# as_us TICKS N: microseconds of CPU for each of N.
as_us() { awk -v t="$1" -v hz="$(getconf CLK_TCK)" -v n="$2" 'BEGIN { if (n > 0) printf "%d µs", t / hz / n * 1e6; else printf "-" }'; }

as_seconds() { awk -v t="$1" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f s", t / hz }'; }

# status_kb PID FIELD, of /proc/PID/status.
status_kb() { awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"; }

as_mib() { awk -v kb="$1" 'BEGIN { printf "%.1f MiB", kb / 1024 }'; }

rows=()
row() { rows+=("| $1 | $2 | ${3:-} |"); } # WHAT MEASURED [BUDGET]

skipped() {
    say "Skipped: $1: $2"
    row "$1" "not measured: $2"
}

print_table() {
    printf '\n%s × %s, %s' "$(nproc)" "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" "$(uname -sr)"
    if [[ -n $engine_runs ]]; then
        printf ', Docker %s with %s containers' "$(private_docker version --format '{{.Server.Version}}')" "$containers"
    fi
    printf '\n\n| what | measured | budget |\n|---|---|---|\n'
    printf '%s\n' "${rows[@]}"
}

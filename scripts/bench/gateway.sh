# shellcheck shell=bash
# The embedded gateway beside nginx and Caddy: one core for the proxy, one for wrk and the nginx that is the backend, keepalive
# on both sides. Rounds are interleaved, so that a busy moment of the machine hits all of them. Sourced by bench.sh.
# shellcheck disable=SC2154 # names of bench.sh and of its other parts

readonly gateway_rounds=${BENCH_ROUNDS:-5} gateway_seconds=${BENCH_GATEWAY_SECONDS:-3} gateway_clients=64
readonly gateway_backend=127.0.0.1:28080
declare -A proxy_port=([gateway]=28081 [nginx]=28082 [caddy]=28083)
declare -A proxy_pid=()

# Debian starts what it installs; here nothing may run but what we start.
install_proxies() {
    local wanted=()
    have nginx || wanted+=(nginx-light)
    have caddy || wanted+=(caddy)
    have wrk || wanted+=(wrk)
    ((${#wanted[@]} == 0)) || without_starting_services apt_install "${wanted[@]}"
}

nginx_config() { # NAME WORKERS_ETC
    cat <<CONF
pid $dir/nginx-$1.pid;
error_log $dir/nginx-$1.log;
worker_processes 1;
events { worker_connections 4096; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    server_names_hash_max_size 8192;
    server_names_hash_bucket_size 128;
    client_body_temp_path $dir/nginx-$1-body;
    proxy_temp_path $dir/nginx-$1-proxy;
    fastcgi_temp_path $dir/nginx-$1-fastcgi;
    uwsgi_temp_path $dir/nginx-$1-uwsgi;
    scgi_temp_path $dir/nginx-$1-scgi;
CONF
}

write_backend() {
    mkdir -p "$dir/www"
    head -c 100 /dev/zero | tr '\0' x >"$dir/www/100B"
    head -c 10240 /dev/zero | tr '\0' x >"$dir/www/10KB"
    head -c 1048576 /dev/zero | tr '\0' x >"$dir/www/1MB"
    chmod 755 "$dir"
    {
        nginx_config backend
        echo "    server { listen $gateway_backend backlog=4096; root $dir/www; default_type text/plain; }"
        echo "}"
    } >"$dir/nginx-backend.conf"
}

write_nginx() { # ROUTES
    local n
    {
        nginx_config proxy
        cat <<CONF
    upstream backend { server $gateway_backend; keepalive 128; keepalive_requests 1000000000; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host \$http_host;
    proxy_set_header X-Real-IP \$remote_addr;
    proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto \$scheme;
    proxy_set_header X-Forwarded-Host \$http_host;
CONF
        for ((n = 0; n < $1; n++)); do
            echo "    server { listen 127.0.0.1:${proxy_port[nginx]}; server_name h$n.test; location / { proxy_pass http://backend; } }"
        done
        echo "}"
    } >"$dir/nginx-proxy.conf"
}

write_caddy() { # ROUTES
    local n
    {
        printf '{\n\tadmin off\n\tauto_https off\n}\n'
        for ((n = 0; n < $1; n++)); do
            printf 'http://h%d.test:%d {\n\tbind 127.0.0.1\n\treverse_proxy %s {\n\t\ttransport http {\n\t\t\tkeepalive_idle_conns_per_host 128\n\t\t}\n\t}\n}\n' \
                "$n" "${proxy_port[caddy]}" "$gateway_backend"
        done
    } >"$dir/Caddyfile"
}

answers() { curl -fsS -o /dev/null -H "Host: h0.test" "http://127.0.0.1:$1/100B"; }

start_proxies() { # ROUTES
    write_nginx "$1"
    write_caddy "$1"
    taskset -c 0 "$load" gateway --listen "127.0.0.1:${proxy_port[gateway]}" --upstream "$gateway_backend" --routes "$1" \
        >"$dir/gateway.log" 2>&1 </dev/null &
    proxy_pid[gateway]=$!
    taskset -c 0 nginx -c "$dir/nginx-proxy.conf" -g "daemon off;" >"$dir/nginx-proxy.out" 2>&1 </dev/null &
    proxy_pid[nginx]=$!
    HOME=$dir XDG_DATA_HOME=$dir XDG_CONFIG_HOME=$dir GOMAXPROCS=1 \
        taskset -c 0 caddy run --config "$dir/Caddyfile" --adapter caddyfile >"$dir/caddy.log" 2>&1 </dev/null &
    proxy_pid[caddy]=$!
    local who
    for who in gateway nginx caddy; do wait_for 60 "$who" answers "${proxy_port[$who]}"; done
}

stop_proxies() {
    local pid
    for pid in "${proxy_pid[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${proxy_pid[@]}"; do wait "$pid" 2>/dev/null || true; done
    proxy_pid=()
}

# The requests a second, the p99 in ms, the failures of one load, and the proxy's CPU for each request in µs.
load_proxy() { # PORT SIZE ROUTES PID
    local before
    before=$(tree_ticks "$4")
    taskset -c 1 wrk -t1 -c"$gateway_clients" -d"${gateway_seconds}s" --latency -H "Host: h$(($3 / 2)).test" \
        "http://127.0.0.1:$1/$2" >"$dir/wrk" || die "wrk failed"
    awk -v t="$(($(tree_ticks "$4") - before))" -v hz="$(getconf CLK_TCK)" '
        /requests in/ { n = $1 }
        /^ *99%/ { p99 = $2; if (p99 ~ /us$/) p99 = p99 / 1000; else if (p99 ~ /ms$/) p99 += 0; else p99 = p99 * 1000 }
        /^Requests\/sec/ { rate = $2 }
        /Non-2xx/ { failed += $NF }
        /Socket errors/ { gsub(",", ""); failed += $4 + $6 + $8 + $10 }
        END { printf "%.0f %.2f %d %.1f\n", rate, p99, failed, n ? t / hz / n * 1e6 : 0 }' "$dir/wrk"
}

column() { awk -v c="$1" '{ print $c }' "$2" | percentile "$3"; }

measure_size() { # SIZE ROUTES
    local who round ratio=() rate=() p99=() cpu=() failed=0
    rm -f "$dir"/proxied-*
    for ((round = 0; round < gateway_rounds; round++)); do
        for who in gateway nginx caddy; do
            load_proxy "${proxy_port[$who]}" "$1" "$2" "${proxy_pid[$who]}" >>"$dir/proxied-$who"
        done
    done
    for who in gateway nginx caddy; do
        rate+=("$(column 1 "$dir/proxied-$who" 50)")
        p99+=("$(column 2 "$dir/proxied-$who" 50)")
        cpu+=("$(column 4 "$dir/proxied-$who" 50)")
        failed=$((failed + $(awk '{ sum += $3 } END { print sum + 0 }' "$dir/proxied-$who")))
    done
    ((failed == 0)) || say "$failed requests failed" >&2
    mapfile -t ratio < <(awk -v a="${rate[0]}" -v b="${rate[1]}" -v c="${rate[2]}" 'BEGIN { printf "%.2f\n%.1f\n", a / b, a / c }')
    row "proxying $1, $2 route(s): requests/s of the gateway, nginx, Caddy (gateway ÷ each); failed" \
        "${rate[0]}, ${rate[1]}, ${rate[2]} (${ratio[0]}, ${ratio[1]}); $failed" "≥ 0.9 × nginx, ≥ 2 × Caddy"
    row "proxying $1, $2 route(s): p99 of the same; own CPU for a request" \
        "${p99[0]}, ${p99[1]}, ${p99[2]} ms; ${cpu[0]}, ${cpu[1]}, ${cpu[2]} µs"
}

measure_gateway() {
    local routes size who
    stop_server
    if (($(nproc) < 2)); then
        skipped "the gateway beside nginx and Caddy" "it takes two cores"
        return
    fi
    install_proxies
    write_backend
    taskset -c 1 nginx -c "$dir/nginx-backend.conf" -g "daemon off;" >"$dir/nginx-backend.out" 2>&1 </dev/null &
    gateway_backend_pid=$!
    wait_for 10 "the backend" curl -fsS -o /dev/null "http://$gateway_backend/100B"
    for routes in 1 1000; do
        start_proxies "$routes"
        for size in 100B 10KB 1MB; do measure_size "$size" "$routes"; done
        row "proxying, $routes route(s): resident memory after that of the gateway, nginx, Caddy" \
            "$(for who in gateway nginx caddy; do printf '%s ' "$(as_mib "$(tree_kb "${proxy_pid[$who]}" VmRSS)")"; done)"
        stop_proxies
    done
    stop_gateway
}

gateway_backend_pid=
stop_gateway() {
    stop_proxies
    [[ -n $gateway_backend_pid ]] || return 0
    kill "$gateway_backend_pid" 2>/dev/null || true
    wait "$gateway_backend_pid" 2>/dev/null || true
    gateway_backend_pid=
}

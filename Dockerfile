# Docker Watcher: one static binary on an empty base.
#
#   docker build -t docker-watcher .
#
# Needs no BuildKit. Builds for the architecture it is built on.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Statically linked against glibc: nothing else is needed at run time. The explicit target keeps the flag away from
# build scripts and procedural macros, which cannot be static.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies in a layer of their own, compiled against empty sources: a change of the code does not compile
# them again.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it \
 && echo 'fn main() {}' | tee src/main.rs > tests/it/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --target "$(rustc --print host-tuple)"

COPY . .
# Cargo compares times: what was just copied may be older than the empty sources.
RUN find src -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --target "$(rustc --print host-tuple)" \
 && mkdir -p /image/data /image/tmp /image/usr/local/bin /image/etc/ssl/certs \
 && mv "target/$(rustc --print host-tuple)/release/docker-watcher" /image/usr/local/bin/ \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && echo 'docker-watcher:x:65532:65532:Docker Watcher:/data:/sbin/nologin' > /image/etc/passwd \
 && echo 'docker-watcher:x:65532:' > /image/etc/group \
 && cp LICENSE /image/LICENSE \
 && chmod 700 /image/data && chmod 1777 /image/tmp && chown 65532:65532 /image/data

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Docker Watcher" \
      org.opencontainers.image.description="Watches a Docker host: what runs, what it costs, what happened, and where each domain leads." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"

COPY --from=build /image/ /

# Inside a container 127.0.0.1 is reachable from nowhere; what the host publishes decides who gets in.
ENV PATH=/usr/local/bin \
    DOCKER_WATCHER_LISTEN=0.0.0.0:8080 \
    DOCKER_WATCHER_DATA_DIR=/data

# Not root. The socket of the host belongs to its group `docker`: give the container that group's number,
#   docker run --group-add "$(stat -c %g /var/run/docker.sock)" -v /var/run/docker.sock:/var/run/docker.sock …
USER 65532:65532
WORKDIR /data
VOLUME /data
# 8080: pages and API. 8088 and 8443: the embedded proxy, bound only while a proxy uses it.
EXPOSE 8080 8088 8443

HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["docker-watcher", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["docker-watcher"]
CMD ["serve"]

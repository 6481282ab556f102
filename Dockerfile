# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make build && mkdir -p /out/data

# docker build --target loadbalancer: the stand-in for load balancers, for compose.yaml
FROM build AS build-loadbalancer
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH make balancer

FROM scratch AS loadbalancer
COPY --from=build-loadbalancer /src/loadbalancer /loadbalancer
USER 65532:65532
EXPOSE 2000
ENTRYPOINT ["/loadbalancer"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# The journal's home. A folder that is mounted here must be writable by 65532.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /src/chatserver /chatserver
ENV DATA_DIR=/data
USER 65532:65532
VOLUME /data
# API, admin, rooms. Port 80 needs no root in a container.
EXPOSE 80 8090 34000-34999
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/chatserver", "-health"]
ENTRYPOINT ["/chatserver"]

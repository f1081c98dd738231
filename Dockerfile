# Builds an image with the inspector for onnxruntime on the CPU; see docs/service.md.
#   docker build -t line-inspector .
FROM python:3.11-slim-bookworm AS build
ARG EXTRAS=cpu,mqtt,modbus,opcua
WORKDIR /src
COPY . .
RUN python3 -m venv /opt/line-inspector
RUN /opt/line-inspector/bin/pip install --no-cache-dir --disable-pip-version-check ".[$EXTRAS]"

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /data --groups video inspector
RUN install -d -o inspector -g inspector /data
COPY --from=build /opt/line-inspector /opt/line-inspector
ENV PATH=/opt/line-inspector/bin:$PATH PYTHONFAULTHANDLER=1 PYTHONUNBUFFERED=1
USER inspector
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# The main loop of the line answers. The configuration needs service.enabled: true.
HEALTHCHECK --interval=30s --timeout=20s --start-period=5m --retries=3 \
    CMD ["line-inspector", "line", "--timeout", "10", "status"]
ENTRYPOINT ["line-inspector"]
CMD ["run", "--config", "/data/config.yaml"]

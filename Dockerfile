# Images of darkroom. `cpu` is the default; `cuda` needs NVIDIA's container toolkit on the machine.
#
#   docker build --target cpu -t darkroom:cpu .
#   docker build --target cuda -t darkroom:cuda .
#
# EXTRAS chooses what comes along: `postgres,s3` makes a small image that runs the echo models only.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS python
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/darkroom
ENV PATH=/opt/darkroom/bin:$PATH
WORKDIR /build

# What darkroom stands on, without darkroom: this layer is built anew only when a version changes.
# The stub package gives pip the list of dependencies and goes again.
FROM python AS dependencies-cuda
ARG EXTRAS=diffusers,postgres,s3
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN --mount=type=cache,target=/root/.cache/pip \
    mkdir -p src/darkroom && touch src/darkroom/__init__.py \
    && pip install --constraint constraints.txt ".[${EXTRAS}]" \
    && pip uninstall --yes darkroom

# The same on the build of torch without CUDA, in the version that the constraints pin. It lives on an
# index of PyTorch's own: name it, or this image carries CUDA too and is several GB larger. Torch is put
# there first; the rest then finds its wish for it fulfilled.
FROM python AS dependencies-cpu
ARG EXTRAS=diffusers,postgres,s3
ARG TORCH_INDEX=
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN --mount=type=cache,target=/root/.cache/pip \
    mkdir -p src/darkroom && touch src/darkroom/__init__.py \
    && case "${TORCH_INDEX:+,${EXTRAS},}" in *,diffusers,*) \
        pip install --no-deps --index-url "${TORCH_INDEX}" "$(grep '^torch==' constraints.txt)" ;; \
    esac \
    && pip install --constraint constraints.txt ".[${EXTRAS}]" \
    && pip uninstall --yes darkroom

# darkroom alone, laid out so that it can be put over the dependencies.
FROM python AS package
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps --no-compile --prefix /opt/package .

FROM ${PYTHON_IMAGE} AS runtime
# Workers start processes of their own: tini takes in those whose parent has gone. Debian keeps one
# version of it per release, which the name of the base image pins.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 darkroom \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin darkroom \
    && install --directory --owner=darkroom --group=darkroom --mode=0700 /data /data/weights
ENV PATH=/opt/darkroom/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    DARKROOM_DATA_DIR=/data \
    DARKROOM_HOST=0.0.0.0
WORKDIR /data
VOLUME /data
EXPOSE 8000
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('DARKROOM_PORT', 8000)), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["tini", "--", "darkroom"]
CMD ["serve"]

FROM runtime AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=dependencies-cuda /opt/darkroom /opt/darkroom
COPY --from=package /opt/package /opt/darkroom

FROM runtime AS cpu
COPY --from=dependencies-cpu /opt/darkroom /opt/darkroom
COPY --from=package /opt/package /opt/darkroom

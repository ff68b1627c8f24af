# checkov:skip=CKV_DOCKER_2:what runs says how it is asked; this is only what it begins with
# What all images share: `runtime`, where a program runs as a user without rights, and `build`,
# where uv installs what uv.lock says. scripts/build-images builds these two first.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS openmp
# LightGBM brings everything but OpenMP.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && install -D --target-directory=/openmp /usr/lib/*/libgomp.so.1

FROM ${PYTHON_IMAGE} AS runtime
COPY --from=openmp /openmp/ /usr/local/lib/
RUN ldconfig \
    && groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app \
    && install -d -o app -g app /var/lib/mlplatform /var/spool/mlplatform
ENV PATH=/app/.venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.8
# The certificates the system trusts: a company may have its own.
ENV PATH=/opt/uv/bin:$PATH \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_PROGRESS=1 \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=true
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==${UV_VERSION}"
WORKDIR /app
COPY . .

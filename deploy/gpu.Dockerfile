# Worker with the diffusion models. It can also run the camera model. Requires the NVIDIA container runtime, and for
# PyTorch's build for CUDA 13 an NVIDIA driver r580 or newer and a GPU of the Turing generation (2018) or newer.
#   docker build -f deploy/gpu.Dockerfile -t mutoscope-gpu .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /venv
COPY pyproject.toml constraints.txt README.md LICENSE ./
# Install torch first, so that code changes do not rebuild its layer of several gigabytes.
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt torch
COPY platform platform
COPY accounts accounts
COPY jobs jobs
COPY inference inference
COPY templates templates
COPY static static
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt '.[gpu,s3]'

FROM python:3.11-slim-bookworm
# Triton and torch.compile build their launchers with a C compiler when they run.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/mutoscope mutoscope \
    && install --directory --owner mutoscope /var/lib/mutoscope/media /var/lib/mutoscope/models
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=portal.settings \
    VAR_DIR=/var/lib/mutoscope \
    HF_HOME=/var/lib/mutoscope/models \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
USER mutoscope
# By default Docker kills a container 10 seconds after SIGTERM. Set stop_grace_period to more than DRAIN_TIMEOUT_SECONDS,
# as in compose.yaml.
CMD ["django-admin", "gpuworker", "--model", "i2vgen-xl", "--device", "auto"]

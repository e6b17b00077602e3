# The worker with the diffusion model; also runs the camera model. Needs the NVIDIA container runtime.
#   docker build -f deploy/gpu.Dockerfile -t mutoscope-gpu .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /venv
COPY pyproject.toml constraints.txt README.md LICENSE ./
# torch alone first: its gigabytes stay in a layer that code changes do not touch.
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt torch
COPY platform platform
COPY accounts accounts
COPY jobs jobs
COPY inference inference
COPY templates templates
COPY static static
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt '.[gpu,s3]'

FROM python:3.11-slim-bookworm
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
# Docker kills a container 10 seconds after SIGTERM: give it DRAIN_TIMEOUT_SECONDS and more (stop_grace_period in compose.yaml).
CMD ["django-admin", "gpuworker", "--model", "i2vgen-xl", "--device", "auto"]

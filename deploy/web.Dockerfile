# The site without torch: web (pages and API), live (waiting and streaming requests), reconciler, maintenance worker,
# migrations.
#   docker build -f deploy/web.Dockerfile -t mutoscope-web .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /venv
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY platform platform
COPY accounts accounts
COPY jobs jobs
COPY inference inference
COPY templates templates
COPY static static
RUN /venv/bin/pip install --no-cache-dir -c constraints.txt '.[s3]'

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/mutoscope mutoscope \
    && install --directory --owner mutoscope /var/lib/mutoscope/media /var/lib/mutoscope/models
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=portal.settings \
    VAR_DIR=/var/lib/mutoscope \
    STATIC_ROOT=/venv/static \
    WEB_CONCURRENCY=5
# collectstatic loads the settings, which require these three variables. Their values are neither used nor stored.
RUN SECRET_KEY=build DATABASE_URL=postgres:///build REDIS_URL=redis://build django-admin collectstatic --no-input
USER mutoscope
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://localhost:8000/livez', timeout=2)"]
# Sync workers, because requests here are short and the proxy buffers slow clients. The number suits four cores. To change
# it, set WEB_CONCURRENCY in production.env; gunicorn reads it. A request may wait for a decoder, its start and an image for
# up to 30 seconds, after which gunicorn would kill the worker by default.
CMD ["gunicorn", "portal.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "sync", "--timeout", "60", \
     "--max-requests", "20000", "--max-requests-jitter", "2000", "--worker-tmp-dir", "/dev/shm", \
     "--logger-class", "portal.web.gunicorn_logs.Logger"]

# One image for every process; docker-compose.yml says which one a container runs.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/messaging
COPY pyproject.toml README.md LICENSE celeryconfig.py ./
COPY migrations migrations
COPY messaging messaging
RUN /opt/messaging/bin/pip install . \
    && /opt/messaging/bin/pip uninstall --yes pip

# Every dependency comes as a wheel, so neither stage holds a compiler.
FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin messaging
COPY --from=build /opt/messaging /opt/messaging
ENV PATH=/opt/messaging/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER messaging
WORKDIR /opt/messaging
EXPOSE 8000 5555
CMD ["python", "-m", "messaging.web"]

# The whole job in a container: docs/container.md says how to run it.
FROM python:3.13-slim

RUN useradd --create-home --uid 10001 meltano \
 && install --directory --owner meltano /app /state

WORKDIR /app
COPY --chown=meltano requirements.lock meltano.yml ./
COPY --chown=meltano tap-recurly tap-recurly
COPY --chown=meltano transform transform
COPY --chown=meltano target-klaviyo target-klaviyo
USER meltano

RUN python -m venv .venv \
 && .venv/bin/pip install --quiet --no-cache-dir "$(grep -oE '^uv==[0-9.]+' requirements.lock)" \
 && .venv/bin/uv pip install --quiet --no-cache --python .venv/bin/python --constraint requirements.lock meltano \
 && UV_NO_CACHE=1 .venv/bin/meltano install

ENV MELTANO_DATABASE_URI=sqlite:////state/meltano.db
ENV TARGET_KLAVIYO_REJECTS_PATH=/state/rejected.singer
ENV TARGET_KLAVIYO_REPORT_PATH=/state/audit.html
VOLUME /state

HEALTHCHECK --interval=30m --timeout=2m CMD .venv/bin/meltano invoke tap-recurly:check && .venv/bin/meltano invoke target-klaviyo:check

ENTRYPOINT ["/app/.venv/bin/meltano"]
CMD ["run", "tap-recurly", "target-klaviyo"]

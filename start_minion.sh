#!/bin/sh
# One job on stdin, one envelope on stdout, against the container's running Ollama:
#   printf '%s' "$JOB" | docker exec -i minions-container /app/start_minion.sh
exec minions entry run "$@"

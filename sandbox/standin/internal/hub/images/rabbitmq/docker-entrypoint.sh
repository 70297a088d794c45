#!/bin/sh
# Gives the server its own user and the data to that user. The first user's name
# and password come from RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS, which
# the server reads itself.
set -eu
if [ "${1#rabbitmq}" != "$1" ] && [ "$(id -u)" = 0 ]; then
    find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq:rabbitmq {} +
    exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups "$@"
fi
exec "$@"

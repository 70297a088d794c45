#!/bin/sh
# Runs the server as its own user, who becomes the owner of the data. The server reads the
# first user's name and password from RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS.
set -eu
if [ "${1#rabbitmq}" != "$1" ] && [ "$(id -u)" = 0 ]; then
    find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq:rabbitmq {} +
    exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups "$@"
fi
exec "$@"

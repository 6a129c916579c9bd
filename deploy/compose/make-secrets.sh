#!/bin/sh
# Makes what the compose file takes its secrets from: passwords, an authority of its own, and
# certificates for the servers and the nodes. Needs openssl. Refuses to replace what is there.
set -eu
umask 077
cd "$(dirname "$0")"
if [ -e secrets ]; then
  echo "make-secrets: secrets/ is there already; move it away to make new ones." >&2
  exit 1
fi
mkdir secrets
cd secrets

# A letter first, so that a password is never read as a number.
password() { echo "p$(openssl rand -hex 24)"; }

# certificate NAME SUBJECT-ALTERNATIVE-NAMES
certificate() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -subj "/CN=$1" -keyout "$1-key.pem" -out "$1.csr" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 825 \
    -extfile "$1.ext" -out "$1-cert.pem" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
  -subj "/CN=IntelGraph compose" -keyout ca-key.pem -out ca.pem 2>/dev/null
certificate nats DNS:nats-1,DNS:nats-2,DNS:nats-3,DNS:localhost,IP:127.0.0.1
certificate node DNS:node-1,DNS:node-2,DNS:localhost,IP:127.0.0.1

nats=$(password)
neo4j=$(password)
postgres=$(password)
redis=$(password)
cat >nats.env <<END
NATS_NODE_PASSWORD=$nats
NATS_SYS_PASSWORD=$(password)
END
cat >node.env <<END
INTELGRAPH_NATS=tls://node:$nats@nats-1:4222,tls://nats-2:4222,tls://nats-3:4222
INTELGRAPH_NEO4J=bolt://neo4j:$neo4j@neo4j:7687
INTELGRAPH_REDIS=redis://:$redis@redis:6379
# Beside Neo4j the same in tables; without the line for Neo4j in its place:
# INTELGRAPH_POSTGRES=postgres://intelgraph:$postgres@postgres/intelgraph
END
printf 'neo4j/%s' "$neo4j" >neo4j-auth
printf '%s' "$postgres" >postgres-password
cat >redis.conf <<END
bind * -::*
requirepass $redis
save ""
maxmemory 256mb
maxmemory-policy volatile-ttl
END

# The authority's own key is for making further certificates; no service gets it.
chmod 600 ./*
# Others than root read these in their containers.
chmod 644 redis.conf neo4j-auth postgres-password ca.pem
if [ "$(id -u)" = 0 ]; then
  user=10001:10001
  chown "$user" node-key.pem node-cert.pem
else
  user="$(id -u):$(id -g)"
fi
chmod 711 .
echo "INTELGRAPH_USER=$user" >../.env
echo "make-secrets: secrets/ and .env are made; keep both out of everybody's reach." >&2

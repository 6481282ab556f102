#!/bin/sh
# Fits deploy/nginx/chatserver.conf to compose.yaml, before NGINX starts: the image's
# entrypoint runs this. Names, addresses, operators and the certificate change, and nothing
# that the file says of requests.
#
#   CHAT_SERVERS   NAME=ADDRESS of each chat server, separated by spaces
#   OPERATORS      addresses that may reach the admin API, beside this machine
#   FROM, TO       the file to read and the one to write
#   CERTIFICATES   where certificate.pem and key.pem are; they are made if they are not there
set -eu

from=${FROM:-/etc/chatserver/chatserver.conf}
to=${TO:-/etc/nginx/conf.d/default.conf}
certificates=${CERTIFICATES:-/etc/chatserver/certificates}
: "${CHAT_SERVERS:?}" "${OPERATORS=}"

names='' subjects='DNS:localhost'
for server in $CHAT_SERVERS; do
  names="$names ${server%%=*}"
  subjects="$subjects,DNS:${server%%=*}"
done

if [ ! -e "$certificates/certificate.pem" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
    -subj "/CN=chatserver" -addext "subjectAltName=$subjects" \
    -keyout "$certificates/key.pem" -out "$certificates/certificate.pem" 2>/dev/null
fi

awk -v servers="$CHAT_SERVERS" -v operators="$OPERATORS" -v names="${names# }" -v certificates="$certificates" \
  -v ipv6="$(if [ -e /proc/net/if_inet6 ]; then echo 1; fi)" '
  BEGIN {
    count = split(servers, pairs, " ")
    for (i = 1; i <= count; i++) { split(pairs[i], pair, "="); name[i] = pair[1]; address[i] = pair[2] }
    others = split(operators, operator, " ")
  }
  /^upstream / { group = "" ; inside = 1 }
  inside {
    group = group $0 "\n"
    if ($0 == "}") {
      inside = 0
      for (i = 1; i <= count; i++) { text = group; gsub(/127\.0\.0\.1/, address[i], text); printf "%s", text }
    }
    next
  }
  $1 == "default" && $2 == "127.0.0.1;" {
    print "    default " address[1] ";"
    for (i = 1; i <= count; i++) print "    " name[i] " " address[i] ";"
    next
  }
  $1 == "listen" && $2 ~ /^\[::\]/ && !ipv6 { next }
  $1 == "server_name" { print "    server_name " names " localhost;"; next }
  $1 == "ssl_certificate" { print "    ssl_certificate " certificates "/certificate.pem;"; next }
  $1 == "ssl_certificate_key" { print "    ssl_certificate_key " certificates "/key.pem;"; next }
  $1 == "deny" { for (i = 1; i <= others; i++) print "    allow " operator[i] ";" }
  { print }
' "$from" >"$to"

#!/bin/sh
# The agent of Systems Manager on a machine of the tests': it fetches commands, really runs them, and reports what came of it. Several at a time, as the real one does.
# BRIDGE: where they come from. INSTANCE: who it is. Where it is not told, it asks the instance's metadata.
umask 077
work=/var/lib/test-ssm-agent
mkdir -p "$work"
ask() {
  metadata=$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest
  token=$(curl -sf -m 5 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" "$metadata/api/token") || return
  curl -sf -m 5 -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"
}
until [ -n "$BRIDGE" ]; do BRIDGE=$(ask services/endpoint) || sleep 1; done
until [ -n "$INSTANCE" ]; do INSTANCE=$(ask instance-id) || sleep 1; done
run() {
  sh "$work/$1.sh" >"$work/$1.out" 2>"$work/$1.err" </dev/null
  code=$?
  head -c 24000 "$work/$1.out" | curl -sf -m 60 -X POST --data-binary @- "$BRIDGE/agent/$INSTANCE/$1/out"
  head -c 8000 "$work/$1.err" | curl -sf -m 60 -X POST --data-binary @- "$BRIDGE/agent/$INSTANCE/$1/err"
  curl -sf -m 60 -X POST -d "$code" "$BRIDGE/agent/$INSTANCE/$1/end"
  rm -f "$work/$1".*
}
# What it began goes on without it; its question must not: the answer would be taken by nobody.
question=
trap '[ -z "$question" ] || kill "$question"; exit' TERM
while :; do
  curl -sf -m 60 "$BRIDGE/agent/$INSTANCE/next" >"$work/answer" &
  question=$!
  wait "$question" || { sleep 1; continue; }
  question=
  answer=$(cat "$work/answer")
  id=${answer%% *}
  [ -n "$id" ] || continue
  printf %s "${answer#* }" | base64 -d >"$work/$id.sh"
  run "$id" &
done

#!/bin/sh
# The agent of Systems Manager on a machine of the tests': it fetches commands, really runs them, and reports what came of it. Several at a time, as the real one does.
# BRIDGE: where they come from. INSTANCE: who it is.
umask 077
work=/var/lib/test-ssm-agent
mkdir -p "$work"
run() {
  sh "$work/$1.sh" >"$work/$1.out" 2>"$work/$1.err" </dev/null
  code=$?
  head -c 24000 "$work/$1.out" | curl -sf -m 60 -X POST --data-binary @- "$BRIDGE/agent/$INSTANCE/$1/out"
  head -c 8000 "$work/$1.err" | curl -sf -m 60 -X POST --data-binary @- "$BRIDGE/agent/$INSTANCE/$1/err"
  curl -sf -m 60 -X POST -d "$code" "$BRIDGE/agent/$INSTANCE/$1/end"
  rm -f "$work/$1".*
}
while :; do
  answer=$(curl -sf -m 60 "$BRIDGE/agent/$INSTANCE/next") || { sleep 1; continue; }
  id=${answer%% *}
  [ -n "$id" ] || continue
  printf %s "${answer#* }" | base64 -d >"$work/$id.sh"
  run "$id" &
done

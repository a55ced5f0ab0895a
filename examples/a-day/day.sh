#!/usr/bin/env bash
# A working day with Sentinel on one machine: a deployment with an approval in the morning, an incident at noon, a
# lost laptop at five, and an audit at six from the records alone.
#
#     examples/a-day/day.sh [SENTINEL]      SENTINEL is the command, `sentinel` by default
#
# It needs bash and Python 3, starts `sentinel dev` in a temporary folder, and exits 0 only if every step had the
# expected result.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
sentinel=${1:-sentinel}
day=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$day"' EXIT

# --- The system. The decision records follow the ready line on its standard output.
mkfifo "$day/ready"
RUST_LOG=error "$sentinel" dev --policies "$here/policies" --data "$day/data" --listen 127.0.0.1:0 --format json \
    > >(tee "$day/records.jsonl" > "$day/ready") &
server=$!
read -r ready < "$day/ready"
exec 3< "$day/ready" # The pipe stays open, so that `tee` can go on writing.
cat <&3 > /dev/null &
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
SENTINEL_TVM_URL=$(field url <<< "$ready")
AWS_SHARED_CREDENTIALS_FILE=$(field credentials_file <<< "$ready")
export SENTINEL_TVM_URL AWS_SHARED_CREDENTIALS_FILE

# as NAME COMMAND…: runs the command with the AWS keys of that person.
as() { local name=$1; shift; "$sentinel" "$@" --aws-profile "$name"; }

# refused CODE COMMAND…: runs a command that must be refused with that code.
refused() {
    local code=$1 said; shift
    if said=$("$@" 2>&1 > /dev/null); then echo "not refused: $*" >&2; exit 1; fi
    if [[ $said != *"$code"* ]]; then echo "refused, but not with $code: $said" >&2; exit 1; fi
    echo "  refused, as expected: $code"
}

echo "09:00  bob deploys. He needs an approval, and names the ticket."
refused APPROVAL_REQUIRED as bob credentials --profile production --no-cache
refused INVALID_REQUEST as bob request --profile production --reason "deploy 2.4"
request=$(as bob request --profile production --reason "deploy 2.4" --ticket OPS-41 --duration 20m --format json | field id)
refused FORBIDDEN as bob approve "$request"
as alice approve "$request" --comment "reviewed the change" > /dev/null
as bob credentials --profile production --no-cache > /dev/null
as bob requests revoke "$request" --comment "deployed" > /dev/null
refused APPROVAL_REQUIRED as bob credentials --profile production --no-cache
echo "  approved by alice, used, and given back"

echo "12:00  the database is down. Alice is on call, and cannot wait for an approval."
grant=$(as alice break-glass open --profile production --reason-code incident \
    --justification "database is down, OPS-42" --format json 2> /dev/null | field id)
as alice credentials --profile production --no-cache > /dev/null
refused COOLDOWN as alice break-glass open --profile production --reason-code incident \
    --justification "once more, for another hour"
as alice break-glass close "$grant" --comment "database is up" > /dev/null
refused APPROVAL_REQUIRED as alice credentials --profile production --no-cache
as carol break-glass review "$grant" --comment "justified, see OPS-42" > /dev/null
echo "  opened, used, closed, and reviewed by carol"

echo "17:00  bob's laptop is lost. Carol revokes him on everything."
request=$(as bob request --profile production --reason "hotfix" --ticket OPS-43 --format json | field id)
as alice approve "$request" > /dev/null
as bob credentials --profile production --no-cache > /dev/null
as carol sessions revoke --user bob --reason "laptop lost, OPS-44" > /dev/null 2>&1
refused SESSION_REVOKED as bob credentials --profile production --no-cache
refused SESSION_REVOKED as bob requests
echo "  his sessions and his approval no longer count"

echo "18:00  the audit, from the decision records alone."
kill -TERM "$server"
wait "$server" || true
python3 "$here/audit.py" "$day/records.jsonl"

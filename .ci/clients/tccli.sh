#!/usr/bin/env bash
# Drives `sandbox serve --tls` with the official command line: lists, creates, waits, shares, copies, deletes.
# Usage: tccli.sh VENV HOST:PORT (account 100000000001 with AKIDone:key-one; the venv trusts the server's ca.pem)
set -euo pipefail
venv=$1 endpoint=$2
# Nothing of the user's own set-up is read or written.
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
export TENCENTCLOUD_SECRET_ID=AKIDone TENCENTCLOUD_SECRET_KEY=key-one TENCENTCLOUD_REGION=ap-jakarta
unset https_proxy HTTPS_PROXY http_proxy HTTP_PROXY
passed=0

cvm() { # ACTION ARGUMENTS…
  "$venv/bin/tccli" cvm "$@" --endpoint "$endpoint" --language en-US
}
has() { # WHAT TEXT PATTERN
  if grep -q -- "$3" <<<"$2"; then passed=$((passed + 1)); else echo "FAILED $1: $2"; exit 1; fi
}
id() { grep -o 'img-[a-z0-9]*' <<<"$1" | head -1; }

has "lists public images" "$(cvm DescribeImages --Limit 2 --output json)" '"TotalCount": 1[0-9]'
made=$(cvm CreateImage --ImageName web-cli --InstanceId ins-8f3a1c2d)
has "creates" "$made" '"ImageId": "img-'
image=$(id "$made")
waited=$(cvm DescribeImages --ImageIds "[\"$image\"]" \
  --waiter "{'expr':'ImageSet[0].ImageState','to':'NORMAL','timeout':30,'interval':1}")
has "waits for NORMAL" "$waited" '"ImageState": "NORMAL"'
has "shares" "$(cvm ModifyImageSharePermission --ImageId "$image" --AccountIds '["200000000002"]' \
  --Permission SHARE)" RequestId
has "reads shares" "$(cvm DescribeImageSharePermission --ImageId "$image")" 200000000002
copied=$(cvm SyncImages --ImageIds "[\"$image\"]" --DestinationRegions '["ap-tokyo"]' --ImageSetRequired True)
has "copies" "$copied" ap-tokyo
copy=$(id "$copied")
waited=$(cvm DescribeImages --region ap-tokyo --ImageIds "[\"$copy\"]" \
  --waiter "{'expr':'ImageSet[0].ImageState','to':'NORMAL','timeout':30,'interval':1}")
has "waits for the copy" "$waited" '"ImageState": "NORMAL"'
refused=$(cvm DeleteImages --ImageIds "[\"$image\"]" 2>&1 || true)
has "does not delete a shared image" "$refused" InvalidImageId.InShared
has "unshares" "$(cvm ModifyImageSharePermission --ImageId "$image" --AccountIds '["200000000002"]' \
  --Permission CANCEL)" RequestId
has "deletes" "$(cvm DeleteImages --ImageIds "[\"$image\"]" --DeleteBindedSnap True)" RequestId
has "deletes the copy" "$(cvm DeleteImages --region ap-tokyo --ImageIds "[\"$copy\"]")" RequestId
echo "tccli: $passed checks passed, 0 failed"

#!/bin/sh
# Creates a machine from the image that serves: launch.sh web ap-tokyo ap-tokyo-1
set -eu
image=$(goldform output "image.$1@$2")
exec tccli cvm RunInstances --region "$2" --Placement "{\"Zone\": \"$3\"}" --ImageId "$image"

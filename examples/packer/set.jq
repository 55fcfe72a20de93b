# From the manifest of Packer to lines for `goldform set -`: the images of its last run.
.last_run_uuid as $run
| .builds[]
| select(.packer_run_uuid == $run and .builder_type == "tencentcloud-cvm")
| .custom_data as $data
| (.artifact_id | split(",") | map(split(":"))) as $images
| "images.\($data.entry).source.adopted" as $adopted
| if ($images | length) == 1 then "\($adopted)=\($images[0][1])" else $images[] | "\($adopted).\(.[0])=\(.[1])" end,
  "images.\($data.entry).source.revision=\($data.revision)"

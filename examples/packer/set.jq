# From the manifest of Packer to lines for `goldform set -`: the images of its last run.
.last_run_uuid as $run
| .builds[]
| select(.packer_run_uuid == $run and .builder_type == "tencentcloud-cvm")
| .custom_data as $data
| (.artifact_id | split(",") | map(split(":")[1])) as $ids
| if ($ids | length) != 1 then error("\($data.entry): expected an image in one region, found \(.artifact_id)") else . end
| "images.\($data.entry).source.adopted=\($ids[0])",
  "images.\($data.entry).source.revision=\($data.revision)"

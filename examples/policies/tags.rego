# Every image says which team answers for it.
package main

import rego.v1

deny contains message if {
	some resource in input.resource_changes
	resource.type == "goldform_image"
	some action in ["create", "update"]
	action in resource.change.actions
	some tag in data.approved.tags
	not resource.change.after.tags[tag]
	message := sprintf("%s: the tag `%s` is missing", [resource.address, tag])
}

# An image that is shared goes only where a new one takes its place.
package main

import rego.v1

deny contains message if {
	some resource in input.resource_changes
	resource.type == "goldform_image"
	resource.change.actions == ["delete"]

	# An earlier generation that is no longer kept, `ap-tokyo#1`, has its successor already.
	not contains(resource.index, "#")
	accounts := count(resource.change.before.shared_with)
	accounts > 0
	message := sprintf("%s: it is deleted, and %d accounts use it", [resource.address, accounts])
}

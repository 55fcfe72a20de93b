# Images are shared with approved accounts only.
package main

import rego.v1

deny contains message if {
	some resource in input.resource_changes
	resource.type == "goldform_image"
	some account in resource.change.after.shared_with
	not account in data.approved.accounts
	message := sprintf("%s: account %s is not an approved one", [resource.address, account])
}

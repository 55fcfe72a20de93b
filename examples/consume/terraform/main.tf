# The ids that serve, as `goldform output --format tfvars=goldform.auto.tfvars` writes them.
variable "image_ids" {
  type        = map(map(string))
  description = "Image ids by entry and region"
}

variable "lookup_ids" {
  type        = map(string)
  default     = {}
  description = "Ids that lookups found, by name"
}

variable "image" {
  type        = string
  description = "Entry of the manifest"
}

variable "region" {
  type        = string
  description = "Region of the machine"

  validation {
    condition     = contains(keys(lookup(var.image_ids, var.image, {})), var.region)
    error_message = "No image of this entry serves in this region: run `goldform output`."
  }
}

output "image_id" {
  value       = var.image_ids[var.image][var.region]
  description = "For `image_id` of tencentcloud_instance"
}

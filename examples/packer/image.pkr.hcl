# Builds one image in one region. goldform copies and shares it, so `image_copy_regions` and `image_share_accounts` stay
# empty here.
packer {
  required_plugins {
    tencentcloud = {
      version = "~> 1"
      source  = "github.com/hashicorp/tencentcloud"
    }
  }
}

variable "revision" {
  type        = string
  description = "Revision of the build, such as 2026-W49"
}

# Credentials: TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY.
source "tencentcloud-cvm" "web" {
  region                      = "ap-jakarta"
  zone                        = "ap-jakarta-1"
  instance_type               = "S5.MEDIUM2"
  source_image_id             = "img-487zeit5"
  image_name                  = "web-${var.revision}"
  ssh_username                = "ubuntu"
  associate_public_ip_address = true
}

build {
  # The key of the entry in the manifest of goldform.
  name    = "web"
  sources = ["source.tencentcloud-cvm.web"]

  provisioner "shell" {
    inline = ["sudo apt-get update", "sudo apt-get install -y nginx"]
  }

  post-processor "manifest" {
    output      = "packer-manifest.json"
    custom_data = { entry = "web", revision = var.revision }
  }
}

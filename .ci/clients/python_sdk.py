"""Drives `sandbox serve` with the official SDK for Python: every image action, with good and with bad input.

Usage: python_sdk.py HOST:PORT (accounts: 100000000001 with AKIDone:key-one, 200000000002 with AKIDtwo:key-two)
"""

import sys
import time

from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.cvm.v20170312 import cvm_client, models
from tencentcloud.sts.v20180813 import models as sts_models
from tencentcloud.sts.v20180813 import sts_client
from tencentcloud.tag.v20180813 import models as tag_models
from tencentcloud.tag.v20180813 import tag_client

ENDPOINT = sys.argv[1]
HOME, AWAY = "ap-jakarta", "ap-tokyo"
OWNER, FRIEND = "100000000001", "200000000002"
ONE, TWO = ("AKIDone", "key-one"), ("AKIDtwo", "key-two")

passed, failed = 0, []


def check(what, good, seen=""):
    global passed
    if good:
        passed += 1
    else:
        failed.append(f"{what}: {seen}")
        print(f"FAILED {what}: {seen}")


def profile(method="POST", unsigned=False):
    made = ClientProfile(httpProfile=HttpProfile(endpoint=ENDPOINT, protocol="http", reqMethod=method))
    made.unsignedPayload = unsigned
    made.language = "en-US"
    return made


def client(kind=cvm_client.CvmClient, key=ONE, region=HOME, **more):
    return kind(credential.Credential(*key), region, profile(**more))


def request(kind, **fields):
    made = kind()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def good(what, call):
    try:
        answer = call()
        check(what, bool(answer.RequestId), answer)
        return answer
    except TencentCloudSDKException as error:
        check(what, False, error)
        return None


def bad(code, action, params, **who):
    try:
        answer = client(**who).call_json(action, params)
        check(f"{action} is refused with {code}", False, answer)
    except TencentCloudSDKException as error:
        check(f"{action} is refused with {code}", error.code == code and error.requestId, error)


def state(image, region=HOME):
    listed = client(region=region).DescribeImages(request(models.DescribeImagesRequest, ImageIds=[image]))
    return listed.ImageSet[0].ImageState if listed.ImageSet else None


def settled(image, region=HOME):
    until = time.time() + 15
    while time.time() < until:
        if state(image, region) == "NORMAL":
            return True
        time.sleep(0.2)
    return False


cvm = client()

# Who calls.
sts = client(sts_client.StsClient)
who = good("GetCallerIdentity", lambda: sts.GetCallerIdentity(sts_models.GetCallerIdentityRequest()))
check("the caller is the key's account", who and who.AccountId == OWNER, who)

# Create.
tags = request(models.TagSpecification, ResourceType="image")
tags.Tags = [request(models.Tag, Key="team", Value="平台")]
made = good("CreateImage", lambda: cvm.CreateImage(request(
    models.CreateImageRequest, ImageName="web-镜像", InstanceId="ins-8f3a1c2d", ImageDescription="with nginx",
    ForcePoweroff="TRUE", TagSpecification=[tags])))
web = made.ImageId
check("a new image becomes NORMAL", settled(web))
snaps = good("CreateImage of snapshots", lambda: cvm.CreateImage(request(
    models.CreateImageRequest, ImageName="db", SnapshotIds=["snap-2f3a1c2d"])))
check("an image of snapshots becomes NORMAL", settled(snaps.ImageId))
good("CreateImage, only tried", lambda: cvm.CreateImage(request(
    models.CreateImageRequest, ImageName="tried", InstanceId="ins-8f3a1c2d", DryRun=True)))
bad("InvalidImageName.Duplicate", "CreateImage", {"ImageName": "web-镜像", "InstanceId": "ins-8f3a1c2d"})
bad("MissingParameter", "CreateImage", {"InstanceId": "ins-8f3a1c2d"})
bad("UnknownParameter", "CreateImage", {"ImageName": "x", "InstanceId": "ins-8f3a1c2d", "Shared": True})
bad("InvalidParameter", "CreateImage", {"ImageName": "x", "InstanceId": "ins-8f3a1c2d", "DryRun": "true"})

# Describe, with POST and with GET.
for method in ("POST", "GET"):
    seen = good(f"DescribeImages with {method}", lambda: client(method=method).DescribeImages(request(
        models.DescribeImagesRequest, Limit=100,
        Filters=[request(models.Filter, Name="image-type", Values=["PRIVATE_IMAGE"])])))
    check(f"two own images with {method}", seen and seen.TotalCount == 2, seen)
    image = next((image for image in seen.ImageSet if image.ImageId == web), None)
    check(f"the image as it was made, with {method}", image and image.ImageName == "web-镜像" and image.Tags and
          image.Tags[0].Value == "平台" and image.SnapshotSet[0].SnapshotId, image)
seen = good("DescribeImages, unsigned payload", lambda: client(unsigned=True).DescribeImages(request(
    models.DescribeImagesRequest, Limit=1)))
check("one image a page", seen and len(seen.ImageSet) == 1 and seen.TotalCount > 1, seen)
bad("InvalidImageId.Malformed", "DescribeImages", {"ImageIds": ["ami-1"]})
bad("UnsupportedRegion", "DescribeImages", {}, region="ap-atlantis")
bad("MissingParameter", "DescribeImages", {}, region="")
quota = good("DescribeImageQuota", lambda: cvm.DescribeImageQuota(models.DescribeImageQuotaRequest()))
check("the quota", quota and quota.ImageNumQuota == 10, quota)

# Modify.
good("ModifyImageAttribute", lambda: cvm.ModifyImageAttribute(request(
    models.ModifyImageAttributeRequest, ImageId=snaps.ImageId, ImageName="db-2", ImageDescription="v2")))
bad("InvalidImageName.Duplicate", "ModifyImageAttribute", {"ImageId": snaps.ImageId, "ImageName": "web-镜像"})
bad("InvalidImageId.NotFound", "ModifyImageAttribute", {"ImageId": "img-00000000", "ImageName": "x"})

# Share.
share = {"ImageId": web, "AccountIds": [FRIEND], "Permission": "SHARE"}
good("ModifyImageSharePermission", lambda: cvm.ModifyImageSharePermission(request(
    models.ModifyImageSharePermissionRequest, **share)))
shares = good("DescribeImageSharePermission", lambda: cvm.DescribeImageSharePermission(request(
    models.DescribeImageSharePermissionRequest, ImageId=web)))
check("the share", shares and [s.AccountId for s in shares.SharePermissionSet] == [FRIEND], shares)
lent = client(key=TWO).DescribeImages(request(models.DescribeImagesRequest, ImageIds=[web]))
check("the recipient sees it", lent.ImageSet and lent.ImageSet[0].ImageType == "SHARED_IMAGE", lent)
bad("FailedOperation.AccountAlreadyExists", "ModifyImageSharePermission", share)
bad("FailedOperation.AccountIsYourSelf", "ModifyImageSharePermission", dict(share, AccountIds=[OWNER]))
bad("InvalidAccountId.NotFound", "ModifyImageSharePermission", dict(share, AccountIds=["x"]))
bad("InvalidParameterValue", "ModifyImageSharePermission", dict(share, Permission="LEND"))
bad("OverQuota", "ModifyImageSharePermission", dict(share, AccountIds=[str(300000000000 + n) for n in range(50)]))
bad("UnauthorizedOperation.ImageNotBelongToAccount", "ModifyImageSharePermission",
    dict(share, AccountIds=["300000000001"]), key=TWO)
bad("InvalidImageId.InShared", "DeleteImages", {"ImageIds": [web]})

# Copy.
copied = good("SyncImages", lambda: cvm.SyncImages(request(
    models.SyncImagesRequest, ImageIds=[web], DestinationRegions=[AWAY], ImageSetRequired=True)))
copy = copied.ImageSet[0].ImageId
check("a copy becomes NORMAL", settled(copy, AWAY))
bad("InvalidImageName.Duplicate", "SyncImages", {"ImageIds": [web], "DestinationRegions": [AWAY]})
bad("InvalidRegion.NotFound", "SyncImages", {"ImageIds": [web], "DestinationRegions": ["ap-atlantis"]})

# Import, export, families.
systems = good("DescribeImportImageOs", lambda: cvm.DescribeImportImageOs(models.DescribeImportImageOsRequest()))
check("systems", systems and systems.ImportImageOsListSupported.Linux, systems)
imports = {"Architecture": "x86_64", "OsType": "Ubuntu", "OsVersion": "22", "ImageName": "legacy",
           "ImageUrl": "https://golden-1250000000.cos.ap-jakarta.myqcloud.com/legacy.qcow2"}
good("ImportImage", lambda: cvm.ImportImage(request(models.ImportImageRequest, **imports)))
bad("InvalidImageOsType.Unsupported", "ImportImage", dict(imports, ImageName="x", OsType="Plan9"))
bad("InvalidImageOsVersion.Unsupported", "ImportImage", dict(imports, ImageName="x", OsVersion="1"))
exports = good("ExportImages", lambda: cvm.ExportImages(request(
    models.ExportImagesRequest, BucketName="golden-1250000000", ImageIds=[snaps.ImageId], FileNamePrefixList=["db"])))
bad("InvalidImageId.NotFound", "ExportImages",
    {"BucketName": "golden-1250000000", "ImageIds": ["img-00000000"], "FileNamePrefixList": ["db"]})
good("DescribeImageFromFamily", lambda: cvm.DescribeImageFromFamily(request(
    models.DescribeImageFromFamilyRequest, ImageFamily="web")))
bad("UnknownParameter", "DescribeImageFromFamily", {"Family": "web"})

# Tags.
tag = client(tag_client.TagClient)
name = f"qcs::cvm:{HOME}:uin/{OWNER}:image/{web}"
good("TagResources", lambda: tag.TagResources(request(
    tag_models.TagResourcesRequest, ResourceList=[name],
    Tags=[request(tag_models.Tag, TagKey="tier", TagValue="gold")])))
found = good("GetResources", lambda: tag.GetResources(request(tag_models.GetResourcesRequest, ResourceList=[name])))
check("both tags", found and len(found.ResourceTagMappingList[0].Tags) == 2, found)
good("UnTagResources", lambda: tag.UnTagResources(request(
    tag_models.UnTagResourcesRequest, ResourceList=[name], TagKeys=["tier"])))

# Places.
regions = good("DescribeRegions", lambda: cvm.DescribeRegions(models.DescribeRegionsRequest()))
check("names in English", regions and "Jakarta" in str([r.RegionName for r in regions.RegionSet]), regions)
good("DescribeZones", lambda: cvm.DescribeZones(models.DescribeZonesRequest()))

# Keys.
bad("AuthFailure.SecretIdNotFound", "DescribeImages", {}, key=("AKIDnobody", "x"))
bad("AuthFailure.SignatureFailure", "DescribeImages", {}, key=("AKIDone", "x"))
bad("InvalidAction", "DescribeNothing", {})

# Unshare, delete.
good("CANCEL", lambda: cvm.ModifyImageSharePermission(request(
    models.ModifyImageSharePermissionRequest, **dict(share, Permission="CANCEL"))))
for image, region in ((web, HOME), (copy, AWAY)):
    good("DeleteImages", lambda: client(region=region).DeleteImages(request(
        models.DeleteImagesRequest, ImageIds=[image], DeleteBindedSnap=True)))
    check("it is gone", state(image, region) is None)

print(f"SDK for Python: {passed} checks passed, {len(failed)} failed")
sys.exit(1 if failed else 0)

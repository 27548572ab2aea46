"""Checks the release artifacts that `release.sh` makes."""

import base64
import hashlib
import io
import pathlib
import zipfile

import boto3
from samtranslator.yaml_helper import yaml_parse

import stack

ARTIFACTS = stack.ROOT / "target/release-artifacts"
VERSION = "0.1.0"


def template():
    return yaml_parse((ARTIFACTS / f"session-state-{VERSION}.yaml").read_text())


def test_sha256sums_has_the_checksum_of_every_artifact():
    lines = (ARTIFACTS / "SHA256SUMS").read_text().splitlines()
    sums = dict(reversed(line.split()) for line in lines)

    names = {path.name for path in ARTIFACTS.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == names and len(names) == 3
    for name, expected in sums.items():
        assert hashlib.sha256((ARTIFACTS / name).read_bytes()).hexdigest() == expected, name


def test_each_archive_has_one_file_an_executable_bootstrap():
    for architecture in ("arm64", "x86_64"):
        archive = ARTIFACTS / f"session-state-{VERSION}-{architecture}.zip"
        [entry] = zipfile.ZipFile(archive).infolist()
        assert entry.filename == "bootstrap"
        assert entry.external_attr >> 16 == 0o100755


def test_the_template_takes_the_archive_of_the_chosen_architecture_from_the_bucket():
    packaged, source = template(), stack.source()

    code = packaged["Globals"]["Function"]["CodeUri"]
    assert code == {
        "Bucket": {"Ref": "CodeBucket"},
        "Key": {"Fn::Sub": f"${{CodeKeyPrefix}}session-state-{VERSION}-${{Architecture}}.zip"},
    }
    assert set(packaged["Parameters"]) - set(source["Parameters"]) == {
        "CodeBucket",
        "CodeKeyPrefix",
    }
    # The functions keep their properties, but have no build instructions for SAM.
    for name, resource in packaged["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            assert "Metadata" not in resource, name
            properties = dict(source["Resources"][name]["Properties"])
            assert resource["Properties"] == properties, name


def test_the_template_needs_only_the_bucket_parameters(aws):
    """Deploys into moto. The handler of each function names its operation."""
    s3 = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket="releases")
    sums = {}
    for archive in ARTIFACTS.glob("*.zip"):
        # moto reads the whole archive for each function. The archives are small here, because the
        # test needs only their names and locations.
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as small:
            small.writestr("bootstrap", archive.name)
        s3.put_object(Bucket="releases", Key=f"0.1.0/{archive.name}", Body=body.getvalue())
        sums[archive.name] = base64.b64encode(hashlib.sha256(body.getvalue()).digest()).decode()
    resources = stack.create(template(), CodeBucket="releases", CodeKeyPrefix="0.1.0/")

    functions = boto3.client("lambda", stack.REGION)
    for name, physical in resources.items():
        if name.endswith("Function"):
            configuration = functions.get_function(FunctionName=physical)["Configuration"]
            assert configuration["Handler"] == name.removesuffix("Function").lower()
            # The default architecture is arm64.
            assert configuration["CodeSha256"] == sums[f"session-state-{VERSION}-arm64.zip"]
    assert sum(name.endswith("Function") for name in resources) == 9

"""The fixture `aws`: each test gets an empty AWS account in moto, with a bucket for the code."""

import io
import zipfile

import boto3
import pytest
from moto import mock_aws

import stack


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("bootstrap", "")
        s3 = boto3.client("s3", "us-east-1")
        s3.create_bucket(Bucket="code")
        s3.put_object(Bucket="code", Key="code.zip", Body=code.getvalue())
        yield

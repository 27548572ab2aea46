"""Runs the store's tests with Amazon's DynamoDB Local instead of the embedded DynamoDB."""

import os
import subprocess
import sys

import dynamodb
import stack

with dynamodb.local() as port:
    environment = os.environ | {"TEST_DYNAMODB_URL": f"http://127.0.0.1:{port}"}
    command = ["cargo", "test", "--locked", "--workspace", "--test", "tests"]
    sys.exit(subprocess.run(command, cwd=stack.ROOT, env=environment).returncode)

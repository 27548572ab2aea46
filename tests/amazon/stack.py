"""Transforms the template for CloudFormation, as AWS does, and creates stacks in moto."""

import json
import os
import pathlib
import re

import boto3
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
ACCOUNT = "123456789012"
NO_VALUE = object()

# SAM's transform reads the region from this variable.
os.environ["AWS_DEFAULT_REGION"] = REGION


class ManagedPolicies:
    """The ARNs of AWS's managed policies. SAM's transform calls `load`."""

    def load(self):
        names = {
            "AWSLambdaBasicExecutionRole": "service-role/AWSLambdaBasicExecutionRole",
            "AWSXRayDaemonWriteAccess": "AWSXRayDaemonWriteAccess",
        }
        return {name: f"arn:aws:iam::aws:policy/{path}" for name, path in names.items()}


def source():
    """Returns template.yaml, before SAM's transform."""
    return yaml_parse((ROOT / "template.yaml").read_text())


def transformed(template=None):
    """Returns the CloudFormation template that SAM's transform makes of a template.

    The default is template.yaml.
    """
    if template is None:
        template = source()
        # `sam package` sets the location of the code in the same way.
        template["Globals"]["Function"]["CodeUri"] = {"Bucket": "code", "Key": "code.zip"}
    return transform(template, {}, ManagedPolicies())


def resolved(**parameters):
    """Returns the resources of a stack with these parameters.

    References to values that only AWS knows stay unresolved.
    """
    template = transformed()
    known = {name: str(p["Default"]) for name, p in template["Parameters"].items()}
    known |= {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
    known |= {"AWS::StackName": "sessions"} | parameters

    def value(node):
        if isinstance(node, list):
            return [item for item in map(value, node) if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else known.get(argument, node)
            if function == "Fn::If":
                return value(argument[1] if holds(argument[0]) else argument[2])
            if function == "Fn::Sub" and isinstance(argument, str):
                return re.sub(
                    r"\$\{([\w:]+)\}", lambda m: known.get(m.group(1), m.group(0)), argument
                )
        items = {key: value(item) for key, item in node.items()}
        return {key: item for key, item in items.items() if item is not NO_VALUE}

    def holds(condition):
        if isinstance(condition, str):
            return holds(template["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Fn::Equals":
            return str(value(argument[0])) == str(value(argument[1]))
        if function == "Fn::Not":
            return not holds(argument[0])
        raise ValueError(function)

    return {
        name: value(resource)
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds(resource["Condition"])
    }


def create(template=None, **parameters):
    """Creates a stack with these parameters in moto, and returns its physical ids by logical id.

    The default template is template.yaml.
    """
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation = boto3.client("cloudformation", REGION)
    cloudformation.create_stack(
        StackName="sessions",
        TemplateBody=json.dumps(transformed(template)),
        Parameters=given,
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = cloudformation.describe_stacks(StackName="sessions")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName="sessions")
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId")
        for page in pages
        for resource in page["StackResourceSummaries"]
    }

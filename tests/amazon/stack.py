"""Transforms the template for CloudFormation, as AWS does, and creates stacks in moto."""

import copy
import functools
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


def transformed(template=None, **parameters):
    """Returns the CloudFormation template that SAM's transform makes of a template and parameters.

    The default is template.yaml with its defaults. SAM resolves some parameters itself, such as those of CodeUri.
    """
    if template is None:
        return copy.deepcopy(transformed_source())
    return transform(template, parameters, ManagedPolicies())


@functools.cache
def transformed_source():
    """Transforms template.yaml once for all tests: it takes a second."""
    template = source()
    # `sam package` sets the location of the code in the same way.
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": "code", "Key": "code.zip"}
    return transform(template, {}, ManagedPolicies())


class Resolver:
    """Evaluates the intrinsic functions of a transformed template for a set of parameters.

    References to values that only AWS knows stay unresolved.
    """

    def __init__(self, parameters):
        self.template = transformed()
        defaults = self.template["Parameters"].items()
        self.known = {name: str(parameter["Default"]) for name, parameter in defaults}
        self.known |= {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
        self.known |= {"AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "sessions"}
        self.known |= parameters

    def value(self, node):
        if isinstance(node, list):
            return [item for item in map(self.value, node) if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else self.known.get(argument, node)
            if function == "Fn::If":
                return self.value(argument[1] if self.holds(argument[0]) else argument[2])
            if function == "Fn::Sub":
                return self.substitute(argument)
            if function == "Fn::Split" and isinstance(text := self.value(argument[1]), str):
                return text.split(argument[0])
            if function == "Fn::Select" and isinstance(items := self.value(argument[1]), list):
                return items[int(argument[0])]
            if function == "Fn::Join":
                items = self.value(argument[1])
                if all(isinstance(item, str) for item in items):
                    return argument[0].join(items)
        items = {key: self.value(item) for key, item in node.items()}
        return {key: item for key, item in items.items() if item is not NO_VALUE}

    def substitute(self, argument):
        text, own = (argument, {}) if isinstance(argument, str) else argument
        known = self.known | {name: self.value(item) for name, item in own.items()}

        def replacement(match):
            item = known.get(match.group(1), match.group(0))
            # A value that only AWS knows keeps its reference, so that a test can replace it.
            if isinstance(item, dict):
                return "${" + item["Ref"] + "}" if "Ref" in item else match.group(0)
            return str(item)

        return re.sub(r"\$\{([\w:]+)\}", replacement, text)

    def holds(self, condition):
        if isinstance(condition, str):
            return self.holds(self.template["Conditions"][condition])
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.holds(argument)
        if function == "Fn::Equals":
            return str(self.value(argument[0])) == str(self.value(argument[1]))
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function == "Fn::And":
            return all(map(self.holds, argument))
        if function == "Fn::Or":
            return any(map(self.holds, argument))
        raise ValueError(function)


def resolved(section="Resources", **parameters):
    """Returns the resources of a stack with these parameters, or its outputs."""
    resolver = Resolver(parameters)
    return {
        name: resolver.value(item)
        for name, item in resolver.template[section].items()
        if "Condition" not in item or resolver.holds(item["Condition"])
    }


def refusals(**parameters):
    """Returns why CloudFormation refuses these parameters: by their patterns, and by the rules."""
    resolver = Resolver(parameters)
    found = []
    for name, value in parameters.items():
        parameter = resolver.template["Parameters"][name]
        allowed = parameter.get("AllowedValues")
        # CloudFormation compares the pattern with the whole value.
        matches = re.fullmatch(parameter.get("AllowedPattern", ".*"), value)
        fits = len(value) <= int(parameter.get("MaxLength", 4096))
        if not matches or not fits or (allowed and value not in map(str, allowed)):
            found.append(name)
    for rule in resolver.template["Rules"].values():
        if "RuleCondition" not in rule or resolver.holds(rule["RuleCondition"]):
            for assertion in rule["Assertions"]:
                if not resolver.holds(assertion["Assert"]):
                    found.append(assertion["AssertDescription"])
    return found


def create(template=None, **parameters):
    """Creates a stack with these parameters in moto, and returns its physical ids by logical id.

    The default template is template.yaml.
    """
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    made = transformed(template, **parameters)
    # moto knows no aliases of functions, and fails where a permission refers to one.
    live = [name for name in made["Resources"] if name.endswith("LivePermission")]
    for name in live:
        del made["Resources"][name]
    for output in made.get("Outputs", {}).values():
        # moto exports an output even if its condition is false, and fails.
        if "Condition" in output:
            output.pop("Export", None)
    cloudformation = boto3.client("cloudformation", REGION)
    cloudformation.create_stack(
        StackName="sessions",
        TemplateBody=json.dumps(made),
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

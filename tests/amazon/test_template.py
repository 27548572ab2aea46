"""Checks what the template deploys.

Most tests create a stack in moto. moto's CloudFormation does not support API Gateway, alarms and
schedules. It drops the architecture of a function, the TTL and the encryption of a table, and the
managed policies of a role. The tests of these parts read the resolved or transformed template.
"""

import http
import functools
import json
import re

import boto3
import pytest
import yaml
from moto.iam.access_control import IAMPolicy, PermissionResult
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

import dynamodb
import stack

ACTIONS = {
    "Create": {"PutItem"},
    "Fetch": {"GetItem", "UpdateItem"},
    "Inspect": {"GetItem"},
    "Lock": {"GetItem", "UpdateItem"},
    "Store": {"PutItem", "UpdateItem"},
    "Release": {"UpdateItem"},
    "Touch": {"GetItem", "UpdateItem"},
    "Remove": {"DeleteItem"},
    "Sweep": {"Scan", "DeleteItem", "UpdateItem"},
}
TABLE = "ASP.NET_SessionState"


def table(name=TABLE):
    return boto3.client("dynamodb").describe_table(TableName=name)["Table"]


def function(resources, operation):
    return boto3.client("lambda").get_function_configuration(
        FunctionName=resources[f"{operation}Function"]
    )


def test_the_default_table_has_the_name_and_key_of_aws_provider_and_uses_ttl(aws):
    resources = stack.create()

    made = table()
    assert made["KeySchema"] == [{"AttributeName": "SessionId", "KeyType": "HASH"}]
    assert made["AttributeDefinitions"] == [{"AttributeName": "SessionId", "AttributeType": "S"}]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert str(made["DeletionProtectionEnabled"]).lower() == "false"
    assert "SSESpecification" not in stack.resolved()["Table"]["Properties"]
    ttl = stack.resolved()["Table"]["Properties"]["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "ExpTTL", "Enabled": "true"}
    assert resources["Table"] == TABLE


def test_by_default_the_functions_run_on_arm64_and_use_the_table(aws):
    resources = stack.create()

    for operation in ACTIONS:
        made = function(resources, operation)
        properties = stack.resolved()[f"{operation}Function"]["Properties"]
        assert properties["Architectures"] == ["arm64"], operation
        assert "ReservedConcurrentExecutions" not in properties
        assert made["Runtime"] == "provided.al2023"
        assert made["Timeout"] == (900 if operation == "Sweep" else 28)
        variables = made["Environment"]["Variables"]
        assert variables["TABLE_NAME"] == TABLE
        assert variables["TTL_ATTRIBUTE_NAME"] == "ExpTTL"
        assert made["Role"].rsplit("/", 1)[-1] == resources[f"{operation}FunctionRole"]


def test_a_stack_does_not_change_an_adopted_table(aws):
    boto3.client("dynamodb").create_table(
        TableName="Old",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 10, "WriteCapacityUnits": 5},
    )

    resources = stack.create(CreateTable="false", TableName="Old")

    assert "Table" not in resources
    assert table("Old")["KeySchema"][0]["AttributeName"] == "Id"
    assert function(resources, "Lock")["Environment"]["Variables"]["TABLE_NAME"] == "Old"


def test_the_table_can_have_provisioned_capacity(aws):
    stack.create(BillingMode="PROVISIONED", ReadCapacityUnits="20")

    throughput = table()["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (20, 5)


def test_your_own_kms_key_encrypts_the_table_and_each_role_may_use_it_for_its_reads_or_writes(aws):
    """The actions are those that AWS's own CDK grants for reads and for writes of such a table."""
    read = {"kms:Decrypt", "kms:DescribeKey"}
    write = read | {"kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert stack.refusals(KmsKeyArn=key) == []

    resources = stack.create(KmsKeyArn=key)

    encryption = stack.resolved(KmsKeyArn=key)["Table"]["Properties"]["SSESpecification"]
    assert encryption == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    for operation, actions in ACTIONS.items():
        [allowed] = [s for s in statements(resources, operation) if "kms:Decrypt" in s["Action"]]
        assert set(allowed["Action"]) == (read if actions == {"GetItem"} else write), operation
        assert allowed["Resource"] == key, operation
        assert allowed["Condition"]["StringEquals"] == {
            "kms:ViaService": f"dynamodb.{stack.REGION}.amazonaws.com"
        }


def test_without_a_kms_key_no_role_may_use_any_key():
    for name, role in resources_of_type("AWS::IAM::Role"):
        assert "kms:" not in json.dumps(role), name


def test_the_kms_key_is_given_by_the_arn_of_a_key_and_not_of_an_alias():
    start = "arn:aws:kms:eu-central-1:123456789012:"
    key = f"{start}key/1234abcd-12ab-34cd-56ef-1234567890ab"
    for good in ["", key, f"{start}key/mrk-1234abcd12ab34cd56ef1234567890ab"]:
        assert stack.refusals(KmsKeyArn=good) == [], good
    china = key.replace("arn:aws:", "arn:aws-cn:")
    assert stack.refusals(KmsKeyArn=china) == []
    for bad in [f"{start}alias/sessions", "alias/sessions", key.rsplit("/", 1)[1], f"{start}key/*"]:
        assert stack.refusals(KmsKeyArn=bad) == ["KmsKeyArn"], bad


def test_the_key_encrypts_log_groups_and_queue_only_if_asked():
    key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert stack.refusals(EncryptLogs="true") == ["EncryptLogs needs KmsKeyArn."]
    assert stack.refusals(EncryptLogs="true", KmsKeyArn=key) == []

    for parameters, expected in [
        ({}, None),
        ({"KmsKeyArn": key}, None),
        ({"KmsKeyArn": key, "EncryptLogs": "true"}, key),
    ]:
        groups = resources_of_type("AWS::Logs::LogGroup", **parameters)
        assert len(groups) == 10
        for name, group in groups:
            assert group["Properties"].get("KmsKeyId") == expected, name
        [(_, queue)] = resources_of_type("AWS::SQS::Queue", **parameters)
        assert queue["Properties"].get("KmsMasterKeyId") == expected
        # A queue has either its own key or the one of SQS.
        assert queue["Properties"].get("SqsManagedSseEnabled") == (None if expected else True)
        # Whoever sends a message to an encrypted queue needs its key.
        for role in ("SweepFunctionRole", "SweepFunctionScheduleRole"):
            found = [
                s
                for s in inline_statements(role, **parameters)
                if s.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService")
                == f"sqs.{stack.REGION}.amazonaws.com"
            ]
            assert [(s["Action"], s["Resource"]) for s in found] == (
                [(["kms:Decrypt", "kms:GenerateDataKey"], key)] if expected else []
            ), role


def test_the_functions_can_run_on_x86_64(aws):
    stack.create(Architecture="x86_64")

    for operation in ACTIONS:
        made = stack.resolved(Architecture="x86_64")[f"{operation}Function"]["Properties"]
        assert made["Architectures"] == ["x86_64"]


def test_the_table_outlives_the_stack_but_not_a_first_deployment_that_fails():
    made = stack.transformed()["Resources"]["Table"]

    assert made["DeletionPolicy"] == "RetainExceptOnCreate"
    assert made["UpdateReplacePolicy"] == "Retain"
    # CloudFormation cannot delete a protected table when it rolls back.
    assert stack.resolved()["Table"]["Properties"]["DeletionProtectionEnabled"] == "false"
    protected = stack.resolved(DeletionProtection="true")["Table"]["Properties"]
    assert protected["DeletionProtectionEnabled"] == "true"


def test_functions_wait_for_the_table_and_the_schedule_waits_for_its_function():
    resources = stack.transformed()["Resources"]

    for operation in ACTIONS:
        assert "Table" in resources[f"{operation}Function"]["DependsOn"], operation
    target = resources["SweepFunctionSchedule"]["Properties"]["Target"]
    assert target["Arn"] == {"Fn::GetAtt": ["SweepFunction", "Arn"]}


def test_ttl_can_be_switched_off_while_the_functions_still_write_its_attribute(aws):
    resources = stack.create(TTLEnabled="false")

    ttl = stack.resolved(TTLEnabled="false")["Table"]["Properties"]["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "ExpTTL", "Enabled": "false"}
    variables = function(resources, "Store")["Environment"]["Variables"]
    assert variables["TTL_ATTRIBUTE_NAME"] == "ExpTTL"
    none = stack.resolved(TTLAttributeName="")["Table"]["Properties"]
    assert "TimeToLiveSpecification" not in none


def scalings(**parameters):
    """Returns what scales: its dimension, its least and greatest units, and its target."""
    resources = stack.resolved(**parameters)
    found = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::ApplicationAutoScaling::ScalableTarget":
            made = resource["Properties"]
            policy = resources[f"{name}Policy"]["Properties"]
            assert policy["ScalingTargetId"] == {"Ref": name}
            assert resource["DependsOn"] == "Table"
            assert made["ResourceId"] == f"table/{TABLE}"
            tracking = policy["TargetTrackingScalingPolicyConfiguration"]
            metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
            kind = made["ScalableDimension"].removeprefix("dynamodb:table:")
            assert metric == f"DynamoDB{kind.removesuffix('Units')}Utilization"
            found[kind] = (made["MinCapacity"], made["MaxCapacity"], tracking["TargetValue"])
    return found


def test_a_provisioned_table_can_scale_and_no_other_table_does(aws):
    provisioned = {"BillingMode": "PROVISIONED"}
    reads = {"ReadCapacityMax": "100"}
    both = reads | {"WriteCapacityMax": "50"}
    stack.create(**provisioned, **both)

    assert scalings(**provisioned) == {}
    assert scalings(**both) == {}
    assert scalings(**provisioned, **both, CreateTable="false") == {}
    assert scalings(**provisioned, **reads) == {"ReadCapacityUnits": ("10", "100", 70)}
    assert scalings(**provisioned, **both) == {
        "ReadCapacityUnits": ("10", "100", 70),
        "WriteCapacityUnits": ("5", "50", 70),
    }


def test_an_on_demand_table_can_have_a_limit_and_a_provisioned_one_has_none(aws):
    def limit(**parameters):
        return stack.resolved(**parameters)["Table"]["Properties"].get("OnDemandThroughput")

    reads, writes = {"OnDemandMaxReadUnits": "400"}, {"OnDemandMaxWriteUnits": "100"}
    stack.create(**reads, **writes)
    assert limit() is None
    assert limit(**reads) == {"MaxReadRequestUnits": "400"}
    assert limit(**writes) == {"MaxWriteRequestUnits": "100"}
    assert limit(**reads, **writes) == {"MaxReadRequestUnits": "400", "MaxWriteRequestUnits": "100"}
    assert limit(**reads, **writes, BillingMode="PROVISIONED") is None
    # DynamoDB removes a limit only if it is told so.
    assert stack.source()["Parameters"]["OnDemandMaxReadUnits"]["MinValue"] == -1
    assert limit(OnDemandMaxReadUnits="-1") == {"MaxReadRequestUnits": "-1"}


def test_a_new_table_can_be_warm_for_reads_and_writes_together(aws):
    warm = {"WarmReadUnits": "20000", "WarmWriteUnits": "8000"}
    stack.create(**warm)

    assert "WarmThroughput" not in stack.resolved()["Table"]["Properties"]
    made = stack.resolved(**warm)["Table"]["Properties"]["WarmThroughput"]
    assert made == {"ReadUnitsPerSecond": "20000", "WriteUnitsPerSecond": "8000"}
    assert stack.refusals(**warm) == stack.refusals() == []
    for name, value in warm.items():
        assert stack.refusals(**{name: value}) != [], name


def resources_of_type(kind, **parameters):
    """Returns the names and the resources of one type in a stack with these parameters."""
    found = stack.resolved(**parameters).items()
    return [(name, resource) for name, resource in found if resource["Type"] == kind]


def inline_statements(role, **parameters):
    """Returns the statements of the inline policies of a role in the resolved template."""
    policies = stack.resolved(**parameters)[role]["Properties"]["Policies"]
    return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]


def statements(resources, operation):
    """Returns the statements of all inline policies of the function's role."""
    iam = boto3.client("iam")
    role = resources[f"{operation}FunctionRole"]
    found = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        # moto may return the text of a Python dict. The YAML parser can read it.
        document = yaml.safe_load(document) if isinstance(document, str) else document
        # Where a condition removes a statement, moto leaves a string.
        found += [statement for statement in document["Statement"] if isinstance(statement, dict)]
    return found


def test_each_role_allows_only_the_actions_of_its_operation_and_only_on_its_table(aws):
    """Asks moto's policy evaluator directly, because moto's enforcement ignores the table name."""
    every = boto3.client("dynamodb").meta.service_model.operation_names
    resources = stack.create()
    arn = f"arn:aws:dynamodb:{stack.REGION}:{stack.ACCOUNT}:table/"
    for operation, actions in ACTIONS.items():
        policy = IAMPolicy(
            json.dumps({"Version": "2012-10-17", "Statement": statements(resources, operation)})
        )
        for action in every:
            allowed = action in actions | {"DescribeTable"}
            for name, expected in [(TABLE, allowed), ("Other", False), (f"{TABLE}2", False)]:
                result = policy.is_action_permitted(f"dynamodb:{action}", arn + name)
                permitted = result == PermissionResult.PERMITTED
                assert permitted == expected, (operation, action, name)


def test_each_role_has_log_rights_for_its_own_log_group_and_trace_rights_only_for_active_tracing():
    for parameters, traced in [({}, False), ({"Tracing": "Active"}, True)]:
        for operation in ACTIONS:
            role = stack.resolved(**parameters)[f"{operation}FunctionRole"]["Properties"]
            assert "ManagedPolicyArns" not in role, operation
            rest = [
                (s["Action"], s["Resource"])
                for s in inline_statements(f"{operation}FunctionRole", **parameters)
                if "dynamodb:" not in json.dumps(s["Action"])
            ]
            own = {"Fn::GetAtt": [f"{operation}Log", "Arn"]}
            expected = [(["logs:CreateLogStream", "logs:PutLogEvents"], own)]
            if traced:
                expected += [(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")]
            if operation == "Sweep":
                expected += [("sqs:SendMessage", {"Fn::GetAtt": ["DeadLetters", "Arn"]})]
            assert sorted(map(repr, rest)) == sorted(map(repr, expected)), operation
            function = stack.resolved(**parameters)[f"{operation}Function"]["Properties"]
            assert function["LoggingConfig"]["LogGroup"] == {"Ref": f"{operation}Log"}
            assert function["Role"] == {"Fn::GetAtt": [f"{operation}FunctionRole", "Arn"]}


def test_the_schedule_may_only_start_the_sweep_and_write_into_its_queue():
    role = stack.resolved()["SweepFunctionScheduleRole"]["Properties"]

    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": stack.ACCOUNT}}
    allowed = {s["Action"]: s["Resource"] for s in inline_statements("SweepFunctionScheduleRole")}
    arn = {"Fn::GetAtt": ["SweepFunction", "Arn"]}
    assert allowed == {
        "lambda:InvokeFunction": [arn, "${SweepFunction.Arn}:*"],
        "sqs:SendMessage": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
    }
    schedule = stack.resolved()["SweepFunctionSchedule"]["Properties"]["Target"]
    assert schedule["RoleArn"] == {"Fn::GetAtt": ["SweepFunctionScheduleRole", "Arn"]}


def test_no_limit_of_executions_can_switch_functions_off():
    for parameter in ("ReservedConcurrency", "LockReservedConcurrency"):
        for good in ("-1", "1", "10", "1000", "99999"):
            assert stack.refusals(**{parameter: good}) == [], good
        for bad in ("0", "00", "-0", "-2", "01", "", " 1", "1.5", "100000", "1\n"):
            assert stack.refusals(**{parameter: bad}) == [parameter], bad


def test_lock_can_have_a_limit_of_executions_of_its_own():
    """`None` stands for no limit."""
    for parameters, lock, sweep, others in [
        ({}, None, None, None),
        ({"ReservedConcurrency": "50"}, "50", 1, "50"),
        ({"LockReservedConcurrency": "20"}, "20", None, None),
        ({"ReservedConcurrency": "50", "LockReservedConcurrency": "20"}, "20", 1, "50"),
    ]:
        limits = {
            name.removesuffix("Function"): made["Properties"].get("ReservedConcurrentExecutions")
            for name, made in resources_of_type("AWS::Lambda::Function", **parameters)
        }
        expected = dict.fromkeys(ACTIONS, others) | {"Lock": lock, "Sweep": sweep}
        assert limits == expected, parameters


def test_moto_deploys_the_limits_of_executions(aws):
    resources = stack.create(ReservedConcurrency="50", LockReservedConcurrency="20")

    for operation, expected in [("Lock", 20), ("Store", 50), ("Sweep", 1)]:
        name = resources[f"{operation}Function"]
        made = boto3.client("lambda").get_function_concurrency(FunctionName=name)
        assert int(made["ReservedConcurrentExecutions"]) == expected, operation


API = f"arn:aws:execute-api:{stack.REGION}:{stack.ACCOUNT}"
# The method and the end of the path of each route.
ROUTES = {
    ("GET", ""),
    ("HEAD", ""),
    ("POST", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("POST", "/lock"),
    ("DELETE", "/lock"),
    ("POST", "/touch"),
}


@functools.cache
def regex(pattern):
    """Returns the regular expression for a pattern of IAM.

    The wildcards * and ? also match slashes. All other characters are literal.
    """
    parts = {"*": ".*", "?": "."}
    text = "".join(parts.get(character) or re.escape(character) for character in pattern)
    return re.compile(text, re.DOTALL)


def matches(pattern, text):
    return regex(pattern).fullmatch(text) is not None


def permits(document, resource, action="execute-api:Invoke"):
    """Whether a policy permits an action, as IAM decides. moto's evaluator cannot match `$`."""

    def listed(value):
        return [value] if isinstance(value, str) else value

    effects = {
        statement["Effect"]
        for statement in document["Statement"]
        if any(matches(a, action) for a in listed(statement["Action"]))
        and any(matches(r, resource) for r in listed(statement["Resource"]))
    }
    return effects == {"Allow"}


def test_the_evaluator_of_this_test_lets_wildcards_cross_slashes_and_takes_dollars_literally():
    def allows(pattern, resource):
        document = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": pattern}
        return permits({"Statement": [document]}, resource)

    assert allows("a/*/apps/shop/session", "a/GET/apps/bank/session?/apps/shop/session")
    assert allows("a?b", "a/b") and not allows("a?b", "ab")
    assert allows("x/$default/GET", "x/$default/GET") and not allows("x/$default", "x/")
    assert not allows("a.c", "abc")


def crafted_requests(applications):
    """Yields requests: those for the applications, and many that only look like them."""
    names = {*applications, "bank", "-", "", ".", "..", "*", "?", "%2A", "shop%2F..%2Fbank"}
    for name in applications:
        names |= {f"{name}2", f"x{name}", f"{name}%20", f"{name}.", f".{name}", f"{name}/x"}
        names |= {name[:-1], name.upper()}
    ends = ["", "/", "/lock", "/touch", "/lock/", "/locks", "/touch/x"]
    ends += ["%2Flock", "?x=1", "s", "\n"]
    paths = {f"/apps/{name}/session{end}" for name in names for end in ends}
    for name in applications:
        inner = f"/apps/{name}/session"
        for mark in ("?", "%3F", "#", "%23", ";", "/", "/..", "%2F", "//", "\n", "\0"):
            paths |= {f"/apps/other/session{mark}{inner}", f"{inner}{mark}/apps/other/session"}
        paths |= {f"/x{inner}", f"/{inner}", inner.replace("/", "%2F"), f"/apps/other/..{inner}"}
        paths |= {f"/app/{name}/session", f"/apps/{name}", f"/apps/{name}/sessions", "/", "", "/*"}
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "ANY", "*", "get"]
    stages = ["$default", "live", "default", "$defaul", "$default2", "*", "", "dev"]
    stages += [f"$default/GET/apps/other/session?/{stage}" for stage in ("$default", "live")]
    for stage in stages:
        for method in methods:
            for path in paths:
                yield stage, method, path


def test_the_caller_policy_grants_the_routes_of_its_applications_and_no_crafted_path():
    for applications in (["shop"], ["shop", "bank.2", "a~b", "-", "x_Y"]):
        for parameters, api, stage in [
            ({}, "${Api}", "$default"),
            ({"ApiType": "private", "VpcEndpointId": "vpce-1"}, "${PrivateApi}", "live"),
        ]:
            parameters = parameters | {"CallerApplications": ",".join(applications)}
            assert stack.refusals(**parameters) == []
            made = stack.resolved(**parameters)["CallerPolicy"]["Properties"]["PolicyDocument"]
            assert len(made["Statement"]) == len(applications)
            # Crafted requests for two names are enough, and quick.
            tried = set(crafted_requests(applications[:2]))
            granted = {r for r in tried if permits(made, f"{API}:{api}/{r[0]}/{r[1]}{r[2]}")}
            wanted = {
                (stage, method, f"/apps/{application}/session{end}")
                for application in applications
                for method, end in ROUTES
            }
            for r in wanted:
                assert permits(made, f"{API}:{api}/{r[0]}/{r[1]}{r[2]}"), r
            assert granted == wanted & tried
            for other in ("zzzzzzzzzz", "${Api}2"):
                assert not permits(made, f"{API}:{other}/{stage}/GET/apps/shop/session")


KEY = f"arn:aws:kms:{stack.REGION}:{stack.ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FIVE = {"CallerApplications": "1,2,3,4,5"}


@pytest.mark.parametrize(
    "parameters",
    [
        {"KmsKeyArn": KEY},
        {"KmsKeyArn": KEY, "EncryptLogs": "true"},
        {"Tracing": "Active"},
        {"LockReservedConcurrency": "20"},
        FIVE | {"CallerAccountIds": "111111111111"},
        FIVE | {"CallerAccountIds": "111111111111", "CallerExternalId": "x1"},
    ],
    ids=lambda parameters: "-".join(parameters),
)
def test_moto_deploys_the_stack_with(parameters, aws):
    """Most other tests deploy a stack without these parameters.

    moto can create neither a private API nor a domain.
    """
    kinds = {"DynamoDB::Table", "IAM::Role", "IAM::ManagedPolicy", "Lambda::Function", "SQS::Queue"}
    assert stack.refusals(**parameters) == []
    resources = stack.create(**parameters)
    for name, resource in stack.resolved(**parameters).items():
        if resource["Type"].removeprefix("AWS::") in kinds:
            assert resources.get(name), name


def test_the_routes_of_the_caller_policy_are_those_of_openapi():
    document = yaml.safe_load((stack.ROOT / "openapi.yaml").read_text())
    start = "/apps/{application}/session"
    assert ROUTES == {
        (method.upper(), path.removeprefix(start))
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }


def test_moto_deploys_the_caller_policy_with_the_same_routes(aws):
    # With fewer than five, moto leaves a string for each missing statement, and IAM refuses it.
    applications = ["shop", "bank", "a", "b", "c"]
    resources = stack.create(CallerApplications=",".join(applications))
    iam = boto3.client("iam")
    [policy] = iam.list_policies(Scope="Local")["Policies"]
    assert policy["Arn"] == resources["CallerPolicy"]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]
    document = version["Document"]
    document = yaml.safe_load(document) if isinstance(document, str) else document
    found = {
        re.search(r"\$default/(.*)", resource).group(1)
        for statement in document["Statement"]
        for resource in statement["Resource"]
    }
    assert found == {
        f"{method}/apps/{application}/session{end}"
        for application in applications
        for method, end in ROUTES
    }


def test_the_caller_applications_are_up_to_five_names_without_special_characters():
    for good in ["", "-", "shop", "a.b_c~d-e", "1,2,3,4,5"]:
        assert stack.refusals(CallerApplications=good) == [], good
    lists = [",", "shop,", ",shop", "a,,b", "1,2,3,4,5,6"]
    for bad in [*lists, "a b", "a/b", "*", "sh?p", "${x}", "a%2Fb"]:
        assert stack.refusals(CallerApplications=bad) == ["CallerApplications"], bad


def test_a_changed_list_of_applications_changes_the_caller_policy_and_does_not_replace_it():
    """CloudFormation replaces a managed policy whose description, name or path changes."""
    first, second = (
        stack.resolved(CallerApplications=names)["CallerPolicy"]["Properties"]
        for names in ("shop", "shop,bank")
    )
    assert first["PolicyDocument"] != second["PolicyDocument"]
    for properties in (first, second):
        properties.pop("PolicyDocument")
    assert first == second and isinstance(first["Description"], str)


def test_the_longest_caller_policy_fits_into_a_managed_policy():
    """IAM counts the characters without white space, up to 6144."""
    limit = int(stack.source()["Parameters"]["CallerApplications"]["MaxLength"])
    names = ",".join(["a", "b", "c", "d", "e" * (limit - 8)])
    assert stack.refusals(CallerApplications=names) == []
    assert stack.refusals(CallerApplications=names + "e") == ["CallerApplications"]
    for api in ({}, {"ApiType": "private", "VpcEndpointId": "vpce-1"}):
        made = stack.resolved(CallerApplications=names, **api)["CallerPolicy"]["Properties"]
        text = json.dumps(made["PolicyDocument"], separators=(",", ":"))
        text = re.sub(r"\$\{\w*Api\}", "abcdefghij", text)
        # The longest partition and the longest region today.
        text = text.replace("arn:aws:", "arn:aws-us-gov:").replace(stack.REGION, "ap-northeast-3")
        assert len(text) <= 6144


def test_the_caller_policy_exists_only_for_applications_and_can_be_attached_to_roles(aws):
    assert "CallerPolicy" not in stack.resolved()
    assert "CallerPolicyArn" not in stack.resolved("Outputs")
    policy = stack.resolved(CallerApplications="shop")["CallerPolicy"]["Properties"]
    assert "Roles" not in policy

    roles = {"CallerApplications": "shop", "CallerRoleNames": "web-1,web_2"}
    assert stack.refusals(**roles) == []
    assert stack.resolved(**roles)["CallerPolicy"]["Properties"]["Roles"] == ["web-1", "web_2"]
    iam = boto3.client("iam")
    for name in ("web-1", "web_2"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    arn = stack.create(**roles | {"CallerApplications": "1,2,3,4,5"})["CallerPolicy"]
    for name in ("web-1", "web_2"):
        [attached] = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        assert attached["PolicyArn"] == arn

    needs = "CallerRoleNames needs CallerApplications."
    assert stack.refusals(CallerRoleNames="web") == [needs]
    for bad in ("path/web", "web,", "web, db", "arn:aws:iam::123456789012:role/web", "w" * 65):
        refused = stack.refusals(CallerApplications="shop", CallerRoleNames=bad)
        assert refused == ["CallerRoleNames"], bad


def test_other_accounts_can_assume_a_role_with_the_caller_policy(aws):
    shop = {"CallerApplications": "shop"}
    assert "CallerRole" not in stack.resolved(**shop)
    assert "CallerRoleArn" not in stack.resolved("Outputs", **shop)
    accounts = shop | {"CallerAccountIds": "111111111111,222222222222"}
    for parameters, condition in [
        (accounts, None),
        (accounts | {"CallerExternalId": "x1"}, {"StringEquals": {"sts:ExternalId": "x1"}}),
    ]:
        assert stack.refusals(**parameters) == []
        role = stack.resolved(**parameters)["CallerRole"]["Properties"]
        assert role["ManagedPolicyArns"] == [{"Ref": "CallerPolicy"}]
        assert "Policies" not in role
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"AWS": ["111111111111", "222222222222"]}
        assert trust["Action"] == "sts:AssumeRole"
        assert trust.get("Condition") == condition
        assert "CallerRoleArn" in stack.resolved("Outputs", **parameters)
    assert "CallerRole" in stack.create(**accounts | {"CallerApplications": "1,2,3,4,5"})

    assert stack.refusals(CallerAccountIds="111111111111") == [
        "CallerAccountIds needs CallerApplications."
    ]
    assert stack.refusals(CallerExternalId="x1") == ["CallerExternalId needs CallerAccountIds."]
    arn = "arn:aws:iam::111111111111:root"
    for bad in ("11111111111", "1111111111111", "*", "111111111111,", arn):
        assert stack.refusals(**shop, CallerAccountIds=bad) == ["CallerAccountIds"], bad


PRIVATE = {"ApiType": "private", "VpcEndpointId": "vpce-0123456789abcdef0"}


def apis(**parameters):
    """Returns the logical ids of the APIs of a stack with these parameters."""
    kinds = ("AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi")
    return {name for kind in kinds for name, _ in resources_of_type(kind, **parameters)}


def test_a_stack_has_an_http_api_or_a_private_api_and_never_both():
    assert apis() == {"Api"}
    assert apis(**PRIVATE) == {"PrivateApi"}
    assert stack.refusals(**PRIVATE) == []
    needs = "The ApiType private needs VpcEndpointId."
    assert stack.refusals(ApiType="private") == [needs]
    assert stack.refusals(ApiType="private", VpcEndpointId="vpc-1") == ["VpcEndpointId"]
    own = {"DomainName": "sessions.example", "CertificateArn": "arn"}
    none = "DomainName is not possible with the ApiType private."
    assert stack.refusals(**PRIVATE, **own) == [none]


def test_a_private_api_can_be_called_only_through_its_vpc_endpoint():
    api = stack.resolved(**PRIVATE)["PrivateApi"]["Properties"]

    assert api["EndpointConfiguration"]["Types"] == ["PRIVATE"]
    assert api["EndpointConfiguration"]["VpcEndpointIds"] == [PRIVATE["VpcEndpointId"]]
    allow, deny = api["Body"]["x-amazon-apigateway-policy"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    for statement in (allow, deny):
        assert statement["Action"] == "execute-api:Invoke"
        assert statement["Resource"] == "execute-api:/*"
    # In the same account, an Allow for * would be enough without any policy of the caller. The
    # caller policy would then keep no application apart.
    assert allow["Principal"] == {"AWS": f"arn:aws:iam::{stack.ACCOUNT}:root"}
    assert deny["Principal"] == "*"
    assert deny["Condition"] == {
        "StringNotEquals": {"aws:SourceVpce": PRIVATE["VpcEndpointId"]}
    }
    assert "NotPrincipal" not in json.dumps(api)


def test_a_private_api_keeps_bodies_as_they_are_and_throttles_as_the_http_api():
    resources = stack.resolved(**PRIVATE, ThrottlingRate="7", ThrottlingBurst="8")

    body = resources["PrivateApi"]["Properties"]["Body"]
    assert body["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    stage = resources["PrivateApiliveStage"]["Properties"]
    [settings] = stage["MethodSettings"]
    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == ("7", "8")
    assert stage["StageName"] == "live"


def test_each_function_can_be_called_by_its_own_route_of_its_own_api_only():
    for parameters, start in [({}, "${Api}/$default"), (PRIVATE, "${PrivateApi}/live")]:
        permissions = {
            made["Properties"]["FunctionName"]["Ref"]: made["Properties"]
            for name, made in resources_of_type("AWS::Lambda::Permission", **parameters)
            # Another test compares the permissions of the aliases with these.
            if name.endswith("FunctionRoutePermission")
        }
        expected = {
            f"{operation}Function": f"{API}:{start}/{method}{path.replace('{application}', '*')}"
            for (method, path), operation in routes_of_openapi().items()
        }
        assert {name: made["SourceArn"] for name, made in permissions.items()} == expected
        assert {made["Action"] for made in permissions.values()} == {"lambda:InvokeFunction"}


def test_the_default_endpoint_can_be_closed_beside_a_domain():
    def closed(**parameters):
        [server] = stack.resolved(**parameters)["Api"]["Properties"]["Body"]["servers"]
        settings = server["x-amazon-apigateway-endpoint-configuration"]
        return settings["disableExecuteApiEndpoint"]

    own = {"DomainName": "sessions.example", "CertificateArn": "arn"}
    assert closed() is False and closed(**own) is False
    assert closed(**own, DisableDefaultEndpoint="true") is True
    assert stack.refusals(**own, DisableDefaultEndpoint="true") == []
    needs = "DisableDefaultEndpoint needs DomainName."
    assert stack.refusals(DisableDefaultEndpoint="true") == [needs]


def test_the_output_url_is_one_that_answers():
    def url(**parameters):
        return stack.resolved("Outputs", **parameters)["Url"]["Value"]

    host = f"execute-api.{stack.REGION}.amazonaws.com"
    own = {"DomainName": "sessions.example", "CertificateArn": "arn"}
    assert url() == url(**own) == "https://${Api}." + host
    assert url(**own, DisableDefaultEndpoint="true") == "https://sessions.example"
    assert url(**PRIVATE) == "https://${PrivateApi}-" + f"{PRIVATE['VpcEndpointId']}.{host}/live"


def test_sam_local_serves_the_routes_of_the_http_api_with_its_events():
    """`sam local` reads the API itself and ignores conditions."""
    stacks, _ = SamLocalStackProvider.get_stacks(str(stack.ROOT / "template.yaml"))
    served = {
        (method, route.path): (route.function_name, route.event_type, route.payload_format_version)
        for route in ApiProvider(stacks, cwd=str(stack.ROOT)).api.routes
        for method in route.methods
    }
    assert served == {
        route: (f"{operation}Function", "HttpApi", "2.0")
        for route, operation in routes_of_openapi().items()
    }


def routes_of_template(api):
    paths = stack.transformed()["Resources"][api]["Properties"]["Body"]["paths"]
    return {(m.upper(), path): item for path, methods in paths.items() for m, item in methods.items()}


def routes_of_openapi():
    document = yaml.safe_load((stack.ROOT / "openapi.yaml").read_text())
    return {
        (method.upper(), path): operation["operationId"].capitalize()
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_both_apis_and_openapi_have_the_same_routes_to_the_same_operations():
    for api, version in [("Api", "2.0"), ("PrivateApi", None)]:
        routes = {}
        for route, item in routes_of_template(api).items():
            integration = item["x-amazon-apigateway-integration"]
            uri, _ = integration["uri"]["Fn::Sub"]
            routes[route] = re.search(r"\$\{(\w+)Function\.Arn\}", uri).group(1)
            assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
            assert integration.get("payloadFormatVersion") == version
        assert routes == routes_of_openapi(), api


def test_every_route_requires_a_signature():
    for api in ("Api", "PrivateApi"):
        body = stack.transformed()["Resources"][api]["Properties"]["Body"]
        scheme = body["components"]["securitySchemes"]["AWS_IAM"]
        assert scheme["x-amazon-apigateway-authtype"] == "awsSigv4"
        for route, item in routes_of_template(api).items():
            assert item["security"] == [{"AWS_IAM": []}], (api, route)


def test_no_attribute_of_sessions_can_be_the_hash_key_or_the_ttl_attribute():
    code = (stack.ROOT / "shared/src/item/attribute.rs").read_text()
    values = dict(re.findall(r'const (\w+): &str = "(\w+)"', code))
    [(count, listed)] = re.findall(r"const ALL: \[&str; (\d+)\] = \[(.*?)\]", code, re.DOTALL)
    attributes = [values[name] for name in re.findall(r"\w+", listed)]
    assert len(attributes) == int(count)

    parameters = stack.source()["Parameters"]
    # A name that only contains the name of an attribute is valid, and so is another case.
    names = ["SessionId", "Id", "ExpTTL", "Expires2", "MyTimeout", "expires", "my key"]
    for parameter, valid in [("HashKeyName", names), ("TTLAttributeName", names + [""])]:
        pattern = parameters[parameter]["AllowedPattern"]
        tried = attributes + names + [""]
        # CloudFormation compares the pattern with the whole value.
        assert [name for name in tried if re.fullmatch(pattern, name)] == valid, parameter


def test_the_ttl_attribute_must_differ_from_the_hash_key():
    [assertion] = stack.transformed()["Rules"]["TTLNeedsItsOwnAttribute"]["Assertions"]

    same = {"Fn::Equals": [{"Ref": "TTLAttributeName"}, {"Ref": "HashKeyName"}]}
    assert assertion["Assert"] == {"Fn::Not": [same]}


def test_the_access_log_has_no_headers_and_no_paths():
    resources = stack.transformed()["Resources"]
    http = resources["ApiApiGatewayDefaultStage"]["Properties"]["AccessLogSettings"]
    private = resources["PrivateApiliveStage"]["Properties"]["AccessLogSetting"]
    lines = [json.loads(settings["Format"]) for settings in (http, private)]

    # Both are the pattern of the route. It has {application} where the path has the name.
    routes = ["$context.routeKey", "$context.httpMethod $context.resourcePath"]
    assert [line.pop("route") for line in lines] == routes
    # The same fields serve the same filters and queries.
    assert lines[0] == lines[1]
    for value in lines[0].values():
        assert "header" not in value.lower() and "path" not in value.lower(), value


def test_the_sweep_is_scheduled_with_retries_and_a_dead_letter_queue(aws):
    resources = stack.transformed()["Resources"]
    schedule = resources["SweepFunctionSchedule"]["Properties"]
    invoke = resources["SweepFunctionEventInvokeConfig"]["Properties"]

    assert schedule["ScheduleExpression"] == {"Ref": "SweepSchedule"}
    target = schedule["Target"]
    assert target["Arn"] == {"Fn::GetAtt": ["SweepFunction", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert invoke["MaximumRetryAttempts"] == 2
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == queue
    # SAM makes this role, which lets the schedule write into the queue.
    assert "SweepFunctionScheduleRole" in stack.create()


def test_the_name_of_the_schedule_differs_in_each_stack_and_fits_for_long_stack_names():
    stack_id = "arn:aws:cloudformation:eu-central-1:123456789012:stack/{}/{}"
    uuids = ["c1a7e9d0-4c1f-11ee-a1b2-0a1b2c3d4e5f", "d2b8f0e1-4c1f-11ee-a1b2-0a1b2c3d4e5f"]
    names = set()
    for uuid in uuids:
        known = {"AWS::StackName": "s" * 128, "AWS::StackId": stack_id.format("s" * 128, uuid)}
        schedule = stack.resolved(**known)["SweepFunctionSchedule"]["Properties"]
        # EventBridge Scheduler allows these names.
        assert re.fullmatch(r"[0-9a-zA-Z._-]{1,64}", schedule["Name"]), schedule["Name"]
        names.add(schedule["Name"])
    assert len(names) == 2


def test_the_schedule_of_the_sweep_can_be_disabled(aws):
    for state in ("ENABLED", "DISABLED"):
        made = stack.resolved(SweepState=state)["SweepFunctionSchedule"]["Properties"]
        assert made["State"] == state
    assert stack.resolved()["SweepFunctionSchedule"]["Properties"]["State"] == "ENABLED"
    assert stack.refusals(SweepState="PAUSED") == ["SweepState"]
    stack.create(SweepState="DISABLED")


def test_the_sweep_may_update_only_its_position_unless_it_deletes_ghost_items():
    code = (stack.ROOT / "shared/src/sweep/position.rs").read_text()
    [position] = re.findall(r'const KEY: &str =\s*"(\w+)"', code)

    def updates(**parameters):
        policies = stack.resolved(**parameters)["SweepFunctionRole"]["Properties"]["Policies"]
        found = [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]
        return [s for s in found if s["Action"] == "dynamodb:UpdateItem"]

    [restricted] = updates()
    assert restricted["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [position]},
        # ForAllValues is true where a request has no key.
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    arn = restricted["Resource"]
    own, session = {"Id": {"S": position}}, {"Id": {"S": "x"}}
    for key, expected in [(own, True), (session, False), ({}, False)]:
        allowed = dynamodb.permitted([restricted], "dynamodb:UpdateItem", arn, {"Key": key})
        assert allowed == expected, key
    assert [s.get("Condition") for s in updates(SweepGhostsAfterHours="24")] == [
        restricted["Condition"],
        None,
    ]


def test_the_settings_page_lists_the_variables_of_the_template():
    source = stack.source()
    sweep = source["Resources"]["SweepFunction"]["Properties"]["Environment"]["Variables"]
    variables = set(source["Globals"]["Function"]["Environment"]["Variables"]) | set(sweep)
    # Lambda sets these.
    of_lambda = {"AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT", "_HANDLER"}

    page = (stack.ROOT / "docs/settings.md").read_text()
    settings = page.split("\n## Settings\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", settings, re.MULTILINE))
    # The AWS SDKs define this one. The page describes it below the table.
    of_the_sdk = {"AWS_ENDPOINT_URL_DYNAMODB"}
    assert "`AWS_ENDPOINT_URL_DYNAMODB`" in settings
    assert documented | of_the_sdk == variables | of_lambda


def test_every_function_gets_the_endpoint_of_dynamodb_and_on_aws_it_is_empty(aws):
    """`sam local` passes only the variables that the template declares."""
    resources = stack.create()
    url = "http://host.docker.internal:8000"

    for operation in ACTIONS:
        made = function(resources, operation)["Environment"]["Variables"]
        assert made["AWS_ENDPOINT_URL_DYNAMODB"] == "", operation
        properties = stack.resolved(DynamoDBEndpointUrl=url)[f"{operation}Function"]["Properties"]
        variables = properties["Environment"]["Variables"]
        assert variables["AWS_ENDPOINT_URL_DYNAMODB"] == url, operation


def test_the_endpoint_of_dynamodb_must_be_empty_or_a_url():
    pattern = stack.source()["Parameters"]["DynamoDBEndpointUrl"]["AllowedPattern"]

    urls = ["", "http://host.docker.internal:8000", "https://dynamodb.eu-central-1.amazonaws.com"]
    urls += ["http://172.17.0.1:8000/", "http://[::1]:8000", "http://my_dynamodb"]
    others = ["host.docker.internal:8000", "http://", "ftp://host", "http://a b", "http://host:0"]
    others += ["http://user@host", "http://host?x", "http://::1:8000", "http://host:"]
    # CloudFormation compares the pattern with the whole value.
    assert [value for value in urls + others if re.fullmatch(pattern, value)] == urls


def test_all_functions_share_one_build_and_each_handler_names_its_operation():
    functions = {
        name: resource
        for name, resource in stack.source()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    handlers = {n: f["Properties"]["Handler"] for n, f in functions.items()}
    assert handlers == {n: n.removesuffix("Function").lower() for n in functions}
    # SAM makes one build for all functions that have the same metadata.
    builds = [f["Metadata"] for f in functions.values()]
    assert builds == [builds[0]] * 9


def test_a_wait_ends_before_the_timeouts_of_the_function_and_of_api_gateway():
    parameters = stack.source()["Parameters"]

    longest = parameters["MaxWaitSeconds"]["MaxValue"] + 10
    assert longest < parameters["TimeoutSeconds"]["MinValue"] <= 29
    assert parameters["TimeoutSeconds"]["MaxValue"] <= 29


def test_every_parameter_is_documented_and_grouped():
    source = stack.source()
    parameters = source["Parameters"]
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert sorted(p for group in groups for p in group["Parameters"]) == sorted(parameters)
    page = (stack.ROOT / "docs/deploy.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \|", page.split("## Parameters")[1], re.MULTILINE)
    assert documented == list(parameters)
    for name, default in re.findall(
        r"^\| `(\w+)` \| (?:`([^`]*)`|none) \|", page.split("## Parameters")[1], re.MULTILINE
    ):
        assert str(parameters[name]["Default"]) == default, name


GRADUAL = ("Canary10Percent5Minutes", "Linear10PercentEvery1Minute")
REQUESTS = [operation for operation in ACTIONS if operation != "Sweep"]


def transformed_for(preference):
    """Returns the template as SAM transforms it with this DeploymentPreference."""
    template = stack.source()
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": "code", "Key": "code.zip"}
    template["Parameters"]["DeploymentPreference"]["Default"] = preference
    return stack.transformed(template)


def names_of(template, kind):
    return sorted(n for n, r in template["Resources"].items() if r["Type"] == kind)


def test_a_gradual_deployment_of_each_function_of_a_request_goes_back_if_an_alarm_goes_off():
    for preference in GRADUAL:
        template = transformed_for(preference)
        groups = [f"{operation}FunctionDeploymentGroup" for operation in REQUESTS]
        assert names_of(template, "AWS::CodeDeploy::DeploymentGroup") == sorted(groups)
        for operation in REQUESTS:
            group = template["Resources"][f"{operation}FunctionDeploymentGroup"]["Properties"]
            configuration = json.dumps(group["DeploymentConfigName"])
            assert preference in configuration, operation
            assert group["AlarmConfiguration"] == {
                "Enabled": True,
                "Alarms": [{"Name": {"Ref": "ErrorsAlarm"}}, {"Name": {"Ref": "FailuresAlarm"}}],
            }
            events = group["AutoRollbackConfiguration"]["Events"]
            assert "DEPLOYMENT_STOP_ON_ALARM" in events and "DEPLOYMENT_FAILURE" in events
            alias = template["Resources"][f"{operation}FunctionAliaslive"]
            update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            assert update["DeploymentGroupName"] == {"Ref": f"{operation}FunctionDeploymentGroup"}


def test_by_default_requests_go_to_the_functions_themselves_and_nothing_needs_codedeploy():
    """A version keeps its settings: without CodeDeploy, a changed parameter must work at once."""
    kinds = {r["Type"] for r in transformed_for("AllAtOnce")["Resources"].values()}
    assert not [kind for kind in kinds if "CodeDeploy" in kind]
    assert "ServerlessDeploymentApplication" not in transformed_for("AllAtOnce")["Resources"]

    for api, given in [("Api", {}), ("PrivateApi", PRIVATE)]:
        for preference in ("AllAtOnce", *GRADUAL):
            made = stack.resolved(DeploymentPreference=preference, **given)[api]["Properties"]
            for methods in made["Body"]["paths"].values():
                for item in methods.values():
                    uri = item["x-amazon-apigateway-integration"]["uri"]
                    assert uri.endswith("Function.Arn}:live/invocations") == (preference in GRADUAL)
                    assert uri.endswith("Function.Arn}/invocations") == (preference not in GRADUAL)


def test_a_switch_of_the_deployment_preference_changes_no_version():
    """Lambda publishes no second version of the same function: the deployment would fail."""
    versions = [
        {name: made for name, made in stack.resolved(DeploymentPreference=preference).items() if "FunctionVersion" in name}
        for preference in ("AllAtOnce", *GRADUAL)
    ]
    assert len(versions[0]) == len(REQUESTS)
    assert all(each == versions[0] for each in versions)


def test_a_private_api_is_deployed_again_by_each_deployment():
    """Its stage would keep the policy of the old VPC endpoint, or the old functions."""
    assert stack.source()["Resources"]["PrivateApi"]["Properties"]["AlwaysDeploy"] is True


def test_each_route_may_call_the_function_and_its_alias():
    resources = stack.transformed()["Resources"]
    for operation in REQUESTS:
        plain = dict(resources[f"{operation}FunctionRoutePermission"]["Properties"])
        live = dict(resources[f"{operation}FunctionLivePermission"]["Properties"])
        assert plain.pop("FunctionName") == {"Ref": f"{operation}Function"}
        assert live.pop("FunctionName") == {"Ref": f"{operation}FunctionAliaslive"}
        assert live == plain


def test_a_deployment_also_publishes_a_version_when_only_a_parameter_changes():
    """CloudFormation replaces a version whose description changes. SAM compares only the code."""
    resources = transformed_for(GRADUAL[0])["Resources"]
    # No version is published for these. The first is for sam local, and the others are not settings of a version.
    constant = {"DynamoDBEndpointUrl", "ReservedConcurrency", "LockReservedConcurrency", "KmsKeyArn"}
    parameters = set(stack.source()["Parameters"])
    for operation in REQUESTS:
        text = json.dumps(resources[f"{operation}Function"]["Properties"])
        used = set(re.findall(r'"Ref": "(\w+)"', text)) | set(re.findall(r"\$\{(\w+)\}", text))
        [version] = [n for n in resources if n.startswith(f"{operation}FunctionVersion")]
        described = resources[version]["Properties"]["Description"]["Fn::Sub"]
        named = set(re.findall(r"\$\{(\w+)\}", described))
        assert named == (used & parameters) - constant, operation
        # Lambda allows 256 characters.
        long = {"TableName": "t" * 100}
        made = stack.resolved(DeploymentPreference=GRADUAL[0], **long)
        [version] = [n for n in made if n.startswith(f"{operation}FunctionVersion")]
        assert len(made[version]["Properties"]["Description"]) <= 256


def alarms(**parameters):
    return {
        name.removesuffix("Alarm"): resource["Properties"]
        for name, resource in stack.resolved(**parameters).items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_every_alarm_notifies_the_topic_if_one_is_set_and_is_in_the_runbook():
    alarms = {
        name: resource["Properties"]
        for name, resource in stack.transformed()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }

    assert len(alarms) == 11
    runbook = (stack.ROOT / "docs/runbook.md").read_text()
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"]["Fn::If"][:2] == ["HasTopic", [{"Ref": "AlarmTopicArn"}]]
        assert f"## {name.removesuffix('Alarm')}" in runbook, name


def test_the_alarms_over_all_operations_leave_no_operation_out():
    resources = stack.transformed()["Resources"]
    operations = {operation.lower() for operation in ACTIONS} - {"sweep"}

    for name in ("Errors", "Throttles", "Latency"):
        metrics = {m["Id"]: m for m in resources[f"{name}Alarm"]["Properties"]["Metrics"]}
        assert set(metrics) == operations | {"all"}, name
        for operation in operations:
            [dimension] = metrics[operation]["MetricStat"]["Metric"]["Dimensions"]
            function = {"Ref": f"{operation.capitalize()}Function"}
            assert dimension["Value"] in (operation, function), (name, operation)


def outcomes():
    """Returns the status of each outcome of a request, as the functions decide it."""
    code = (stack.ROOT / "functions/src/http/problem.rs").read_text()
    names = dict(re.findall(r'Self::(\w+) => "([a-z-]+)"', code))
    found = re.findall(r"StatusCode::([A-Z_]+),\s*ProblemKind::(\w+)", code)
    assert {kind for _, kind in found} == set(names)
    return {names[kind]: getattr(http.HTTPStatus, REQUEST_ENTITY.get(s, s)) for s, kind in found}


# The standard library of older Pythons has another name for this status.
REQUEST_ENTITY = {"PAYLOAD_TOO_LARGE": "REQUEST_ENTITY_TOO_LARGE"}


def metrics_of(alarm):
    """Returns the metrics of an alarm: namespace, name and dimensions."""
    used = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m]
    return [
        (m["Namespace"], m["MetricName"], {d["Name"]: d["Value"] for d in m.get("Dimensions", [])})
        for m in used or [alarm]
    ]


def test_the_failures_alarm_adds_every_outcome_with_a_status_of_5xx_and_no_other():
    failed = {outcome for outcome, status in outcomes().items() if status >= 500}

    named = metrics_of(alarms()["Failures"])
    assert {(n, m) for n, m, _ in named} == {("SessionState/sessions", "Requests")}
    assert sorted(d["Outcome"] for _, _, d in named) == sorted(failed)


# The functions of CloudWatch's metric math that the alarms use. None is a missing value.
MATH = {
    "FILL": lambda value, other: (
        [other if v is None else v for v in value]
        if isinstance(value, list)
        else other if value is None else value
    ),
    "SUM": lambda values: None if None in values else sum(values),
    "MAX": lambda values: None if None in values else max(values),
    "IF": lambda condition, value, other: value if condition else other,
}


def calculated(alarm, **values):
    """Returns what the alarm compares with its threshold. Metrics without a value are missing."""
    metrics = {m["Id"]: m for m in alarm["Metrics"]}
    [shown] = [m for m in alarm["Metrics"] if m.get("ReturnData", True)]
    names = {name: values.get(name) for name, m in metrics.items() if "MetricStat" in m}
    names["METRICS"] = lambda: [values.get(n) for n, m in metrics.items() if "MetricStat" in m]
    # In the order of the template, the result comes before what it is made of.
    for metric in reversed([m for m in alarm["Metrics"] if "Expression" in m]):
        names[metric["Id"]] = eval(metric["Expression"], {}, MATH | names)
    return names[shown["Id"]]


def test_an_alarm_over_several_metrics_goes_off_while_most_of_them_are_missing():
    for name in ("Errors", "Failures", "Throttles", "Latency"):
        alarm = alarms()[name]
        for metric in alarm["Metrics"]:
            if "MetricStat" in metric:
                assert calculated(alarm, **{metric["Id"]: 7.0}) == 7.0, (name, metric["Id"])
        assert calculated(alarm) == 0
        assert alarm["TreatMissingData"] == "notBreaching"


def states(alarm, days):
    """Returns the state of an alarm at the end of each day. None is a day without a value."""
    assert alarm.get("Period", 86400) == 86400
    compare = {
        "GreaterThanThreshold": lambda value: value > float(alarm["Threshold"]),
        "LessThanThreshold": lambda value: value < float(alarm["Threshold"]),
    }[alarm["ComparisonOperator"]]
    missing = {"breaching": True, "notBreaching": False, "ignore": None}[alarm["TreatMissingData"]]
    periods = int(alarm["EvaluationPeriods"])
    state, found = "INSUFFICIENT_DATA", []
    for day in range(periods, len(days) + 1):
        seen = [missing if v is None else compare(v) for v in days[day - periods : day]]
        if None not in seen:
            state = "ALARM" if all(seen) else "OK"
        found.append(state)
    return found


def test_the_age_of_a_pass_sets_off_an_alarm_and_days_without_a_sweep_do_not():
    alarm = alarms()["SweepUnfinished"]

    assert metrics_of(alarm) == [("SessionState/sessions", "PassHours", {"Operation": "sweep"})]
    weekly = ([0.0] + 6 * [None]) * 4
    assert "ALARM" not in states(alarm, weekly)
    assert states(alarm, [47.0, 49.0, 0.0]) == ["OK", "ALARM", "OK"]
    # The pass is still unfinished while no run says otherwise.
    assert states(alarm, [170.0, None, None, 1.0]) == ["ALARM", "ALARM", "ALARM", "OK"]


def test_days_without_a_sweep_set_off_an_alarm_after_as_many_days_as_the_parameter_says():
    def days(runs, **parameters):
        alarm = alarms(**parameters)["SweepMissing"]
        assert metrics_of(alarm)[0][:2] == ("AWS/Lambda", "Invocations")
        assert alarm["TreatMissingData"] == "breaching"
        return states(alarm, [calculated(alarm, sweep=n) for n in runs])

    assert days([24, 24, None, 24]) == ["OK", "OK", "OK"]
    assert days([24, None, None, 1]) == ["OK", "ALARM", "OK"]
    weekly = ([1] + 6 * [None]) * 3
    assert "ALARM" in days(weekly)
    assert "ALARM" not in days(weekly, AlarmSweepDays="7")
    # CloudWatch refuses an alarm that looks back more than seven days.
    assert stack.source()["Parameters"]["AlarmSweepDays"]["MaxValue"] == 7


def test_no_sweep_is_missing_while_the_schedule_is_disabled_or_the_alarm_is_not_wanted():
    assert "SweepMissing" in alarms()
    assert "SweepMissing" not in alarms(SweepState="DISABLED")
    assert "SweepMissing" not in alarms(AlarmSweepDays="0")
    assert set(alarms()) - set(alarms(SweepState="DISABLED")) == {"SweepMissing"}


def test_the_alarms_and_the_dashboards_watch_api_gateway_itself():
    # HTTP and REST APIs have other names of metrics and dimensions.
    http_api, rest_api = {"ApiId": {"Ref": "Api"}}, {"ApiName": "sessions"}
    private = {"ApiType": "private", "VpcEndpointId": "vpce-0123456789abcdef0"}
    for given, name, api in [({}, "5xx", http_api), (private, "5XXError", rest_api)]:
        assert metrics_of(alarms(**given)["ApiErrors"]) == [("AWS/ApiGateway", name, api)]
        assert ("AWS/ApiGateway", "Count", api) in metrics_of(alarms(**given)["ApiRefusals"])
        for level in ("basic", "full"):
            [dashboard] = dashboards(MetricsLevel=level, **given)
            [dimension] = api
            used = [(n, list(d)) for space, n, d in shown(dashboard) if space == "AWS/ApiGateway"]
            assert (name, [dimension]) in used
            assert {tuple(d) for _, d in used} == {(dimension,)}


def filters(**parameters):
    """Returns the metrics of the filters on the access log, with their patterns."""
    found = {}
    for resource in stack.resolved(**parameters).values():
        if resource["Type"] == "AWS::Logs::MetricFilter":
            made = resource["Properties"]
            assert made["LogGroupName"] == {"Ref": "AccessLog"}
            [to] = made["MetricTransformations"]
            assert (to["MetricValue"], str(to["DefaultValue"])) == ("1", "0")
            found[to["MetricNamespace"], to["MetricName"]] = made["FilterPattern"]
    return found


def test_the_filters_on_the_access_log_count_the_answers_403_and_429():
    stage = stack.transformed()["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]
    line = json.loads(stage["AccessLogSettings"]["Format"])

    # The log has the status as text, so that the pattern must quote it.
    assert line["status"] == "$context.status"
    namespace = "SessionState/sessions/Api"
    assert filters() == {
        (namespace, "Forbidden"): '{ $.status = "403" }',
        (namespace, "Throttled"): '{ $.status = "429" }',
    }
    # No function sends these: they come from API Gateway.
    assert not {403, 429} & set(outcomes().values())


def test_the_alarm_of_refusals_goes_off_at_a_share_of_the_requests():
    alarm = alarms()["ApiRefusals"]

    metrics = {m["Id"]: m["MetricStat"]["Metric"] for m in alarm["Metrics"] if "MetricStat" in m}
    for name in ("Forbidden", "Throttled"):
        metric = metrics[name.lower()]
        assert (metric["Namespace"], metric["MetricName"]) in filters()
    for values, goes_off in [
        ({"forbidden": 60.0, "count": 1000.0}, True),
        ({"throttled": 60.0, "count": 1000.0}, True),
        ({"forbidden": 30.0, "throttled": 30.0, "count": 1000.0}, True),
        ({"forbidden": 40.0, "throttled": 0.0, "count": 1000.0}, False),
        # A stranger tries the public URL at night.
        ({"forbidden": 9.0, "count": 9.0}, False),
        ({"count": 1000.0}, False),
    ]:
        assert (calculated(alarm, **values) > alarm["Threshold"]) == goes_off, values


def dashboards(**parameters):
    resources = stack.resolved(**parameters).values()
    return [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Dashboard"]


def shown(dashboard):
    """Returns the metrics of a dashboard: namespace, name and dimensions."""
    found = []
    for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
        before = []
        for metric in widget["properties"]["metrics"]:
            words = [word for word in metric if isinstance(word, str)]
            # A dot stands for the word of the metric before.
            words = [b if w == "." else w for w, b in zip(words, before + words[len(before) :])]
            if words:
                found.append((words[0], words[1], dict(zip(words[2::2], words[3::2]))))
            before = words
    return found


OWN = "SessionState/sessions"


def published_by_basic(metric):
    namespace, name, dimensions = metric
    if namespace != OWN:
        return namespace.startswith("AWS/") or (namespace, name) in filters()
    kind = (name, *dimensions)
    return kind in {("Latency", "Operation"), ("Requests", "Outcome")} or (
        kind == ("PassHours", "Operation") and dimensions == {"Operation": "sweep"}
    )


def test_the_alarms_and_the_small_dashboard_need_only_the_basic_metrics(aws):
    for level in ("basic", "full"):
        for name, alarm in alarms(MetricsLevel=level).items():
            assert all(map(published_by_basic, metrics_of(alarm))), name
    [small] = dashboards()
    assert [metric for metric in shown(small) if not published_by_basic(metric)] == []
    [large] = dashboards(MetricsLevel="full")
    assert len([metric for metric in shown(large) if not published_by_basic(metric)]) > 40

    resources = stack.create(MetricsLevel="full")
    for operation in ACTIONS:
        variables = function(resources, operation)["Environment"]["Variables"]
        assert variables["METRICS_LEVEL"] == "full"
        made = stack.resolved()[f"{operation}Function"]["Properties"]["Environment"]["Variables"]
        assert made["METRICS_LEVEL"] == "basic"


def test_the_basic_stack_costs_less_than_15_dollars_a_month_before_the_first_request():
    """Counts every outcome as if it happened all month, and uses no free tier."""
    operations = len(ACTIONS) - 1
    metrics = operations + len(outcomes() | {"ok": 200}) + len(["PassHours"]) + len(filters())
    alarmed = sum(len(metrics_of(alarm)) for alarm in alarms().values())

    # The prices of us-east-1: a custom metric, a metric of an alarm, a dashboard.
    cost = 0.30 * metrics + 0.10 * alarmed + 3.00 * len(dashboards())
    assert cost < 15, cost


def test_each_level_has_one_dashboard_and_its_name_fits_for_long_stack_names():
    names = set()
    for level in ("basic", "full"):
        known = {"AWS::StackName": "s" * 128, "AWS::Region": "ap-southeast-7"}
        [made] = dashboards(MetricsLevel=level, **known)
        # CloudWatch allows these names.
        assert re.fullmatch(r"[0-9A-Za-z_-]{1,255}", made["DashboardName"])
        names.add(made["DashboardName"])
    # With one name, the deletion of the old dashboard would delete the new one.
    assert len(names) == 2


def test_every_dashboard_shows_the_share_of_the_latency_that_is_api_gateways_own():
    for level in ("basic", "full"):
        [dashboard] = dashboards(MetricsLevel=level)
        widgets = json.loads(dashboard["DashboardBody"])["widgets"]
        [widget] = [w for w in widgets if "own share" in w["properties"]["title"]]
        metrics = {}
        for metric in widget["properties"]["metrics"]:
            metrics[metric[-1]["id"]] = metric
        assert metrics["all"][:2] == ["AWS/ApiGateway", "Latency"]
        assert metrics["function"][:2] == ["AWS/ApiGateway", "IntegrationLatency"]
        assert metrics["own"][0]["expression"] == "all - function"
        # The difference of two percentiles would mean nothing.
        assert widget["properties"]["stat"] == "Average"


def test_the_link_to_the_dashboard_leads_to_the_console_of_the_partition():
    for partition, region, console in [
        ("aws", "eu-central-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ]:
        for level, dashboard in [("basic", "Dashboard"), ("full", "FullDashboard")]:
            known = {"AWS::Partition": partition, "AWS::Region": region, "MetricsLevel": level}
            url = stack.resolved("Outputs", **known)["DashboardUrl"]["Value"]
            assert url.startswith(f"https://{console}/cloudwatch/home?region={region}#"), url
            assert url.endswith(f"name=${{{dashboard}}}"), url


def test_other_stacks_can_import_every_output():
    outputs = stack.transformed()["Outputs"]

    needed = {"Url", "TableName", "DeadLettersUrl", "CallerPolicyArn", "CallerRoleArn"}
    assert needed | {"DashboardUrl"} <= set(outputs)
    for name, output in outputs.items():
        assert output["Export"] == {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}, name


def test_lambdas_own_lines_are_left_out_of_the_log_unless_they_are_wanted():
    for given, level in [({}, "WARN"), ({"SystemLogLevel": "INFO"}, "INFO")]:
        resources = stack.resolved(**given)
        for operation in ACTIONS:
            logging = resources[f"{operation}Function"]["Properties"]["LoggingConfig"]
            assert logging["SystemLogLevel"] == level, operation
            assert logging["ApplicationLogLevel"] == "INFO", operation


@pytest.mark.parametrize(
    "parameters",
    [
        {"SystemLogLevel": "DEBUG", "ApiDetailedMetrics": "true", "AlarmSweepDays": "0"},
        {"DeletionProtection": "true", "SweepState": "DISABLED", "MetricsLevel": "full"},
        {"DeploymentPreference": GRADUAL[0]},
        {"DeploymentPreference": GRADUAL[1]},
    ],
)
def test_moto_deploys_the_parameters_of_operations(aws, parameters):
    assert stack.refusals(**parameters) == []
    template = stack.source()
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": "code", "Key": "code.zip"}
    # SAM reads this one, and not CloudFormation.
    preference = parameters.get("DeploymentPreference", "AllAtOnce")
    template["Parameters"]["DeploymentPreference"]["Default"] = preference

    resources = stack.create(template, **parameters)

    for operation in ACTIONS:
        assert function(resources, operation)["State"] == "Active", operation
    protected = str(table()["DeletionProtectionEnabled"]).lower()
    assert protected == parameters.get("DeletionProtection", "false")


def test_detailed_metrics_of_api_gateway_are_off_unless_they_are_wanted():
    for given, detailed in [({}, False), ({"ApiDetailedMetrics": "true"}, True)]:
        stage = stack.resolved(**given)["ApiApiGatewayDefaultStage"]["Properties"]
        assert stage["DefaultRouteSettings"]["DetailedMetricsEnabled"] is detailed


def test_the_custom_domain_is_optional():
    resources = stack.transformed()["Resources"]

    assert resources["Domain"]["Condition"] == "HasDomain"
    assert resources["DomainMapping"]["Condition"] == "HasDomain"

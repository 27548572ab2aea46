"""Checks what the template deploys.

Most tests create a stack in moto. moto's CloudFormation does not support API Gateway, alarms and
schedules. It drops the architecture of a function, the TTL and the encryption of a table, and the
managed policies of a role. The tests of these parts read the resolved or transformed template.
"""

import json
import re

import boto3
import yaml
from moto.iam.access_control import IAMPolicy, PermissionResult

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
    assert str(made["DeletionProtectionEnabled"]).lower() == "true"
    assert "SSESpecification" not in stack.resolved()["Table"]["Properties"]
    ttl = stack.resolved()["Table"]["Properties"]["TimeToLiveSpecification"]
    assert ttl == {"AttributeName": "ExpTTL", "Enabled": True}
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


def test_your_own_kms_key_encrypts_the_table_and_every_role_may_use_it(aws):
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]

    resources = stack.create(KmsKeyArn=key)

    encryption = stack.resolved(KmsKeyArn=key)["Table"]["Properties"]["SSESpecification"]
    assert encryption == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    for operation in ACTIONS:
        allowed = [s for s in statements(resources, operation) if s["Action"] == "kms:Decrypt"]
        assert [s["Resource"] for s in allowed] == [key], operation
        assert allowed[0]["Condition"]["StringEquals"] == {
            "kms:ViaService": f"dynamodb.{stack.REGION}.amazonaws.com"
        }


def test_the_functions_can_run_on_x86_64(aws):
    stack.create(Architecture="x86_64")

    for operation in ACTIONS:
        made = stack.resolved(Architecture="x86_64")[f"{operation}Function"]["Properties"]
        assert made["Architectures"] == ["x86_64"]


def test_the_table_outlives_the_stack():
    made = stack.transformed()["Resources"]["Table"]

    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")


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


def test_each_role_has_only_the_managed_policies_for_logs_and_traces():
    for operation in ACTIONS:
        role = stack.resolved()[f"{operation}FunctionRole"]["Properties"]
        names = {arn.rsplit("/", 1)[-1] for arn in role["ManagedPolicyArns"]}
        assert names == {"AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"}, operation


def test_the_caller_policy_allows_only_the_application_of_the_web_tier(aws):
    assert "CallerPolicy" in stack.create(CallerApplication="shop")
    document = stack.resolved(CallerApplication="shop")["CallerPolicy"]["Properties"]
    policy = IAMPolicy(json.dumps(document["PolicyDocument"]).replace("${Api}", "abcdefghij"))
    api = f"arn:aws:execute-api:{stack.REGION}:{stack.ACCOUNT}:abcdefghij"
    for route, expected in [
        ("$default/GET/apps/shop/session", True),
        ("$default/HEAD/apps/shop/session", True),
        ("$default/POST/apps/shop/session/lock", True),
        ("$default/POST/apps/shop/session/touch", True),
        ("$default/GET/apps/shop2/session", False),
        ("$default/GET/apps/-/session", False),
        ("$default/GET/apps/bank/session", False),
    ]:
        result = policy.is_action_permitted("execute-api:Invoke", f"{api}/{route}")
        assert (result == PermissionResult.PERMITTED) == expected, route


def routes_of_template():
    paths = stack.transformed()["Resources"]["Api"]["Properties"]["Body"]["paths"]
    return {(m.upper(), path): item for path, methods in paths.items() for m, item in methods.items()}


def test_the_template_and_openapi_have_the_same_routes_to_the_same_operations():
    document = yaml.safe_load((stack.ROOT / "openapi.yaml").read_text())
    described = {
        (method.upper(), path): operation["operationId"].capitalize()
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }

    routes = {}
    for route, item in routes_of_template().items():
        uri = item["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        routes[route] = re.search(r"\$\{(\w+)Function\.Arn\}", uri).group(1)
        assert item["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"
    assert routes == described


def test_every_route_requires_a_signature():
    for route, item in routes_of_template().items():
        assert item["security"] == [{"AWS_IAM": []}], route


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
    stage = stack.transformed()["Resources"]["ApiApiGatewayDefaultStage"]["Properties"]
    line = json.loads(stage["AccessLogSettings"]["Format"])

    assert line["route"] == "$context.routeKey"
    for value in line.values():
        assert "header" not in value.lower() and "path" not in value.lower(), value


def test_the_sweep_is_scheduled_with_retries_and_a_dead_letter_queue(aws):
    resources = stack.transformed()["Resources"]
    schedule = resources["SweepFunctionSchedule"]["Properties"]
    invoke = resources["SweepFunctionEventInvokeConfig"]["Properties"]

    assert schedule["ScheduleExpression"] == {"Ref": "SweepSchedule"}
    assert schedule["Name"] == {"Fn::Sub": "${AWS::StackName}-sweep"}
    target = schedule["Target"]
    assert target["Arn"] == {"Fn::GetAtt": ["SweepFunction", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert invoke["MaximumRetryAttempts"] == 2
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == queue
    # SAM makes this role, which lets the schedule write into the queue.
    assert "SweepFunctionScheduleRole" in stack.create()


def test_the_sweep_may_update_only_its_position_unless_it_deletes_ghost_items(aws):
    code = (stack.ROOT / "shared/src/sweep/position.rs").read_text()
    [position] = re.findall(r'const KEY: &str =\s*"(\w+)"', code)

    def updates(**parameters):
        policies = stack.resolved(**parameters)["SweepFunctionRole"]["Properties"]["Policies"]
        found = [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]
        return [s for s in found if s["Action"] == "dynamodb:UpdateItem"]

    [restricted] = updates()
    assert restricted["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [position]}
    }
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
    assert documented == variables | of_lambda


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


def test_every_alarm_notifies_the_topic_if_one_is_set_and_is_in_the_runbook():
    alarms = {
        name: resource["Properties"]
        for name, resource in stack.transformed()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }

    assert len(alarms) == 8
    runbook = (stack.ROOT / "docs/runbook.md").read_text()
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"]["Fn::If"][:2] == ["HasTopic", [{"Ref": "AlarmTopicArn"}]]
        assert f"## {name.removesuffix('Alarm')}" in runbook, name


def test_the_alarms_over_all_operations_leave_no_operation_out():
    resources = stack.transformed()["Resources"]
    operations = {operation.lower() for operation in ACTIONS} - {"sweep"}

    for name in ("Errors", "Failures", "Throttles", "Latency"):
        metrics = {m["Id"]: m for m in resources[f"{name}Alarm"]["Properties"]["Metrics"]}
        assert set(metrics) == operations | {"all"}, name
        for operation in operations:
            [dimension] = metrics[operation]["MetricStat"]["Metric"]["Dimensions"]
            function = {"Ref": f"{operation.capitalize()}Function"}
            assert dimension["Value"] in (operation, function), (name, operation)


def test_the_custom_domain_is_optional():
    resources = stack.transformed()["Resources"]

    assert resources["Domain"]["Condition"] == "HasDomain"
    assert resources["DomainMapping"]["Condition"] == "HasDomain"

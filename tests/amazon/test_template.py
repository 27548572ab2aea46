"""What the template makes: in a stack of moto's, and where moto leaves something out, as resolved.

moto's CloudFormation knows no API Gateway, alarms and schedules, and drops a function's architecture,
a table's TTL and encryption, and a role's managed policies.
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


def test_by_default_the_table_is_that_of_aws_provider_with_ttl_on(aws):
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


def test_by_default_functions_are_arm64_and_know_the_table(aws):
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


def test_an_adopted_table_stays_as_it_is(aws):
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


def test_provisioned_capacity(aws):
    stack.create(BillingMode="PROVISIONED", ReadCapacityUnits="20")

    throughput = table()["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (20, 5)


def test_a_key_of_your_own(aws):
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


def test_x86_64(aws):
    stack.create(Architecture="x86_64")

    for operation in ACTIONS:
        made = stack.resolved(Architecture="x86_64")[f"{operation}Function"]["Properties"]
        assert made["Architectures"] == ["x86_64"]


def test_the_table_outlives_the_stack():
    made = stack.transformed()["Resources"]["Table"]

    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Retain", "Retain")


def statements(resources, operation):
    """All that the inline policies of a function's role allow."""
    iam = boto3.client("iam")
    role = resources[f"{operation}FunctionRole"]
    found = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        # moto keeps what CloudFormation gave it as Python prints it, which YAML reads.
        document = yaml.safe_load(document) if isinstance(document, str) else document
        # moto leaves a text where a condition has left a statement out.
        found += [statement for statement in document["Statement"] if isinstance(statement, dict)]
    return found


def test_each_role_allows_what_its_operation_needs_on_its_table_and_nothing_else(aws):
    """moto's enforcement looks at no table's name, so its policy evaluator is asked directly."""
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


def test_a_role_has_no_other_policies_than_for_logs_and_traces():
    for operation in ACTIONS:
        role = stack.resolved()[f"{operation}FunctionRole"]["Properties"]
        names = {arn.rsplit("/", 1)[-1] for arn in role["ManagedPolicyArns"]}
        assert names == {"AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"}, operation


def test_a_web_tier_has_its_own_application_and_no_other(aws):
    assert "CallerPolicy" in stack.create(CallerApplication="shop")
    document = stack.resolved(CallerApplication="shop")["CallerPolicy"]["Properties"]
    policy = IAMPolicy(json.dumps(document["PolicyDocument"]).replace("${Api}", "abcdefghij"))
    api = f"arn:aws:execute-api:{stack.REGION}:{stack.ACCOUNT}:abcdefghij"
    for route, expected in [
        ("$default/GET/apps/shop/session", True),
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


def test_every_route_asks_for_a_signature():
    for route, item in routes_of_template().items():
        assert item["security"] == [{"AWS_IAM": []}], route


def test_the_access_log_has_no_header():
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
    # Both may write into the queue.
    assert "SweepFunctionScheduleRole" in stack.create()


def test_the_sweep_writes_its_position_and_where_it_deletes_ghosts_marks_them(aws):
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


def test_the_variables_of_the_template_are_those_of_the_settings():
    source = stack.source()
    sweep = source["Resources"]["SweepFunction"]["Properties"]["Environment"]["Variables"]
    variables = set(source["Globals"]["Function"]["Environment"]["Variables"]) | set(sweep)
    # Lambda sets these.
    of_lambda = {"AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT", "_HANDLER"}

    page = (stack.ROOT / "docs/settings.md").read_text()
    settings = page.split("\n## Settings\n")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", settings, re.MULTILINE))
    assert documented == variables | of_lambda


def test_every_function_is_the_same_build_and_its_handler_names_its_operation():
    functions = {
        name: resource
        for name, resource in stack.source()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    handlers = {n: f["Properties"]["Handler"] for n, f in functions.items()}
    assert handlers == {n: n.removesuffix("Function").lower() for n in functions}
    # SAM builds those once that have the same metadata.
    builds = [f["Metadata"] for f in functions.values()]
    assert builds == [builds[0]] * 8


def test_a_wait_ends_before_the_function_and_the_gateway_do():
    parameters = stack.source()["Parameters"]

    longest = parameters["MaxWaitSeconds"]["MaxValue"] + 10
    assert longest < parameters["TimeoutSeconds"]["MinValue"] <= 29
    assert parameters["TimeoutSeconds"]["MaxValue"] <= 29


def test_every_parameter_is_documented_and_grouped():
    source = stack.source()
    parameters = source["Parameters"]
    groups = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert sorted(p for group in groups for p in group["Parameters"]) == sorted(parameters)
    readme = (stack.ROOT / "docs/deploy.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \|", readme.split("## Parameters")[1], re.MULTILINE)
    assert documented == list(parameters)
    for name, default in re.findall(
        r"^\| `(\w+)` \| (?:`([^`]*)`|none) \|", readme.split("## Parameters")[1], re.MULTILINE
    ):
        assert str(parameters[name]["Default"]) == default, name


def test_an_alarm_tells_the_topic_where_there_is_one():
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


def test_a_domain_is_an_option():
    resources = stack.transformed()["Resources"]

    assert resources["Domain"]["Condition"] == "HasDomain"
    assert resources["DomainMapping"]["Condition"] == "HasDomain"

"""Checks what a deployer needs: docs/deployer-policy.json, the environments of samconfig.toml, and the
fixed cost in docs/costs.md."""

import fnmatch
import functools
import json
import re
import tomllib

import boto3

import stack

# The words of the policy that its reader replaces.
WORDS = {
    "ACCOUNT": stack.ACCOUNT,
    "REGION": stack.REGION,
    "STACK": "sessions",
    "TABLE": "ASP.NET_SessionState",
    "CALLER": "web-tier",
    "KEY": "11111111-2222-3333-4444-555555555555",
}
HERE = f"{stack.REGION}:{stack.ACCOUNT}"
FUNCTION = f"arn:aws:lambda:{HERE}:function:NAME-LockFunction-1A2B3C"
ROLE = f"arn:aws:iam::{stack.ACCOUNT}:role/NAME-LockFunctionRole-1A2B3C"
POLICY = f"arn:aws:iam::{stack.ACCOUNT}:policy/NAME-CallerPolicy-1A2B3C"
QUEUE = f"arn:aws:sqs:{HERE}:NAME-DeadLetters-1A2B3C"
LOG = f"arn:aws:logs:{HERE}:log-group:NAME-LockLog-1A2B3C"
ALARM = f"arn:aws:cloudwatch:{HERE}:alarm:NAME-ErrorsAlarm-1A2B3C"
DASHBOARD = f"arn:aws:cloudwatch::{stack.ACCOUNT}:dashboard/NAME-{stack.REGION}"
SCHEDULE = f"arn:aws:scheduler:{HERE}:schedule/default/sweep-1a2b3c"
APPLICATION = f"arn:aws:codedeploy:{HERE}:application:NAME-ServerlessDeploymentApplication-1A2B3C"
GROUP = APPLICATION.replace(":application:", ":deploymentgroup:") + "/LockFunctionDeploymentGroup"
TABLE = f"arn:aws:dynamodb:{HERE}:table/ASP.NET_SessionState"
SCALABLE = f"arn:aws:application-autoscaling:{HERE}:scalable-target/1a2b3c"
API = f"arn:aws:apigateway:{stack.REGION}::"

# The actions with which CloudFormation creates a resource of each type. NAME is the name of the
# stack. Sources: the permissions of the create handlers in CloudFormation's resource schemas, and
# the Service Authorization Reference.
CREATE = {
    "AWS::ApiGateway::Deployment": [("apigateway:POST", API + "/restapis/1a2b3c/deployments")],
    "AWS::ApiGateway::RestApi": [
        ("apigateway:POST", API + "/restapis"),
        ("apigateway:PUT", API + "/restapis/1a2b3c"),
        ("apigateway:UpdateRestApiPolicy", API + "/restapis/1a2b3c"),
    ],
    "AWS::ApiGateway::Stage": [("apigateway:POST", API + "/restapis/1a2b3c/stages")],
    "AWS::ApiGatewayV2::Api": [("apigateway:PUT", API + "/apis"), ("apigateway:POST", API + "/apis")],
    "AWS::ApiGatewayV2::ApiMapping": [
        ("apigateway:POST", API + "/domainnames/sessions.example.com/apimappings")
    ],
    "AWS::ApiGatewayV2::DomainName": [("apigateway:POST", API + "/domainnames")],
    "AWS::ApiGatewayV2::Stage": [
        ("apigateway:POST", API + "/apis/1a2b3c/stages"),
        ("logs:CreateLogDelivery", "*"),
        ("logs:PutResourcePolicy", "*"),
    ],
    "AWS::ApplicationAutoScaling::ScalableTarget": [
        ("application-autoscaling:RegisterScalableTarget", SCALABLE),
        ("application-autoscaling:DescribeScalableTargets", "*"),
        ("iam:CreateServiceLinkedRole", f"arn:aws:iam::{stack.ACCOUNT}:role/aws-service-role/x"),
    ],
    "AWS::ApplicationAutoScaling::ScalingPolicy": [
        ("application-autoscaling:PutScalingPolicy", SCALABLE),
        ("application-autoscaling:DescribeScalingPolicies", "*"),
    ],
    "AWS::CloudWatch::Alarm": [("cloudwatch:PutMetricAlarm", ALARM)],
    "AWS::CloudWatch::Dashboard": [("cloudwatch:PutDashboard", DASHBOARD)],
    "AWS::CodeDeploy::Application": [("codedeploy:CreateApplication", APPLICATION)],
    "AWS::CodeDeploy::DeploymentGroup": [
        ("codedeploy:CreateDeploymentGroup", GROUP),
        ("iam:PassRole", ROLE),
    ],
    "AWS::DynamoDB::Table": [
        ("dynamodb:CreateTable", TABLE),
        ("dynamodb:DescribeTable", TABLE),
        ("dynamodb:TagResource", TABLE),
        ("dynamodb:UpdateContinuousBackups", TABLE),
        ("dynamodb:UpdateTimeToLive", TABLE),
        ("kms:CreateGrant", f"arn:aws:kms:{HERE}:key/{WORDS['KEY']}"),
    ],
    "AWS::IAM::ManagedPolicy": [
        ("iam:CreatePolicy", POLICY),
        ("iam:AttachRolePolicy", f"arn:aws:iam::{stack.ACCOUNT}:role/web-tier"),
    ],
    "AWS::IAM::Role": [
        ("iam:CreateRole", ROLE),
        ("iam:TagRole", ROLE),
        ("iam:PutRolePolicy", ROLE),
        ("iam:AttachRolePolicy", ROLE),
    ],
    "AWS::Lambda::Alias": [
        ("lambda:CreateAlias", FUNCTION),
        ("lambda:UpdateAlias", FUNCTION + ":live"),
        ("codedeploy:CreateDeployment", GROUP),
        ("codedeploy:GetDeployment", GROUP),
    ],
    "AWS::Lambda::EventInvokeConfig": [("lambda:PutFunctionEventInvokeConfig", FUNCTION)],
    "AWS::Lambda::Function": [
        ("lambda:CreateFunction", FUNCTION),
        ("lambda:GetFunction", FUNCTION),
        ("lambda:PutFunctionConcurrency", FUNCTION),
        ("lambda:TagResource", FUNCTION),
        ("iam:PassRole", ROLE),
        ("s3:GetObject", "arn:aws:s3:::aws-sam-cli-managed-default-samclisourcebucket-1a2b3c/1a2b3c"),
    ],
    "AWS::Lambda::Permission": [("lambda:AddPermission", FUNCTION)],
    "AWS::Lambda::Version": [("lambda:PublishVersion", FUNCTION)],
    "AWS::Logs::LogGroup": [
        ("logs:CreateLogGroup", LOG),
        ("logs:PutRetentionPolicy", LOG),
        ("logs:AssociateKmsKey", LOG),
        ("logs:TagResource", LOG),
    ],
    "AWS::Logs::MetricFilter": [("logs:PutMetricFilter", LOG)],
    "AWS::SQS::Queue": [("sqs:CreateQueue", QUEUE), ("sqs:GetQueueAttributes", QUEUE)],
    "AWS::Scheduler::Schedule": [("scheduler:CreateSchedule", SCHEDULE), ("iam:PassRole", ROLE)],
}


@functools.cache
def resources():
    """Returns all resources that any parameters make. SAM adds CodeDeploy's for a gradual deployment only."""
    template = stack.source()
    template["Globals"]["Function"]["CodeUri"] = {"Bucket": "code", "Key": "code.zip"}
    template["Parameters"]["DeploymentPreference"]["Default"] = "Canary10Percent5Minutes"
    return stack.transformed(template)["Resources"].values()


def source():
    return (stack.ROOT / "docs/deployer-policy.json").read_text()


def policy():
    text = re.sub(rf"\b({'|'.join(WORDS)})\b", lambda m: WORDS[m.group()], source())
    return json.loads(text)["Statement"]


def values(element):
    return [element] if isinstance(element, str) else element


def allowing(action, resource):
    """Returns the statements that allow the action on the resource, if their conditions hold."""
    return [
        statement
        for statement in policy()
        if any(fnmatch.fnmatchcase(action.lower(), a.lower()) for a in values(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, r) for r in values(statement["Resource"]))
    ]


def needed():
    types = {resource["Type"] for resource in resources()}
    assert types <= set(CREATE), f"add to CREATE: {sorted(types - set(CREATE))}"
    return [(kind, action, resource) for kind in types for action, resource in CREATE[kind]]


def test_every_type_that_is_listed_here_is_in_the_template():
    assert set(CREATE) == {resource["Type"] for resource in resources()}


def test_the_deployer_may_create_every_resource_of_the_template():
    for kind, action, resource in needed():
        assert allowing(action, resource.replace("NAME", "sessions")), (kind, action)


def test_the_deployer_may_not_create_the_resources_of_another_stack():
    for kind, action, resource in needed():
        if "NAME" in resource:
            assert not allowing(action, resource.replace("NAME", "payments")), (kind, action)
    assert not allowing("dynamodb:CreateTable", TABLE.replace("ASP.NET_SessionState", "Orders"))


def test_the_name_of_the_schedule_begins_as_the_policy_says():
    """The name cannot begin with the name of the stack, which may be too long for a schedule."""
    schedules = [
        resource["Properties"]["Name"]
        for resource in resources()
        if resource["Type"] == "AWS::Scheduler::Schedule"
    ]
    assert len(schedules) == 1
    for name in schedules:
        delimiter, parts = name["Fn::Join"]
        assert (parts[0] + delimiter) == "sweep-"


def test_the_deployer_may_pass_roles_only_to_the_services_of_the_stack():
    [statement] = allowing("iam:PassRole", ROLE.replace("NAME", "sessions"))

    assert statement["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "codedeploy.amazonaws.com",
        "lambda.amazonaws.com",
        "scheduler.amazonaws.com",
    ]


def test_the_deployer_may_attach_the_managed_policies_of_the_template_and_no_others_of_aws():
    attached = set()
    for resource in resources():
        if resource["Type"] == "AWS::IAM::Role":
            # An ARN stands in the template as text, or in an intrinsic function.
            arns = json.dumps(resource["Properties"].get("ManagedPolicyArns", []))
            attached |= set(re.findall(r":policy/([\w/-]+)", arns))

    [statement] = allowing("iam:AttachRolePolicy", ROLE.replace("NAME", "sessions"))
    patterns = statement["Condition"]["ArnLike"]["iam:PolicyARN"]
    of_aws = {pattern for pattern in patterns if pattern.startswith("arn:aws:iam::aws:")}
    assert of_aws == {f"arn:aws:iam::aws:policy/{name}" for name in attached}


def test_the_deployer_may_neither_read_nor_write_sessions_and_may_not_call_the_functions():
    for action in ("GetItem", "Scan", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem"):
        assert not allowing(f"dynamodb:{action}", TABLE), action
    assert not allowing("lambda:InvokeFunction", FUNCTION.replace("NAME", "sessions"))


def test_every_action_of_the_deployer_exists():
    """Compares the actions with the operations of the AWS SDK, which in these services are the same."""
    # These actions are no operations, or have another name than their operation.
    others = ["s3:*", "apigateway:*", "iam:PassRole", "logs:*LogDeliver*", "cloudformation:TagResource"]
    for statement in policy():
        for action in values(statement["Action"]):
            if any(fnmatch.fnmatchcase(action, other) for other in others):
                continue
            service, name = action.split(":")
            operations = boto3.client(service, stack.REGION).meta.service_model.operation_names
            assert fnmatch.filter(operations, name), action


def test_the_policy_fits_into_a_role():
    """The inline policies of a role have at most 10,240 characters without white space."""
    text = json.dumps(policy(), separators=(",", ":"))
    # A stack name has at most 128 characters.
    longest = text.replace("sessions", "s" * 128)
    assert len(longest) < 10_240


def test_deploy_md_names_every_word_that_the_reader_replaces():
    found = set(re.findall(r"\b[A-Z]{3,}\b", re.sub(r"apigateway:\w+", "", source())))
    assert found - {"NET"} == set(WORDS)

    page = (stack.ROOT / "docs/deploy.md").read_text()
    section = page.split("\n## Who deploys\n")[1].split("\n## ")[0]
    assert set(re.findall(r"s/([A-Z]+)/", section)) == set(WORDS)


def environments():
    config = tomllib.loads((stack.ROOT / "samconfig.toml").read_text())
    return {name: section for name, section in config.items() if isinstance(section, dict)}


def overrides(environment):
    parameters = environment["deploy"]["parameters"].get("parameter_overrides", [])
    return dict(override.split("=", 1) for override in parameters)


def test_each_environment_has_a_stack_and_a_table_of_its_own():
    found = environments()

    assert set(found) == {"default", "dev", "staging", "production"}
    names = [section["global"]["parameters"]["stack_name"] for section in found.values()]
    assert len(set(names)) == len(names)
    tables = [overrides(found[name])["TableName"] for name in ("dev", "staging", "production")]
    assert len(set(tables)) == 3
    for name in ("dev", "staging", "production"):
        tags = found[name]["deploy"]["parameters"]["tags"]
        assert f"Environment={name}" in tags


def test_every_environment_has_the_options_of_the_default_ones():
    """SAM lets no environment inherit from another one."""
    found = environments()
    wanted = found["default"]

    for name in ("dev", "staging", "production"):
        for command in ("validate", "build", "package"):
            assert found[name][command] == wanted[command], (name, command)
        for option in ("capabilities", "resolve_s3", "fail_on_empty_changeset"):
            expected = wanted["deploy"]["parameters"][option]
            assert found[name]["deploy"]["parameters"][option] == expected, (name, option)


def test_a_deployment_of_an_environment_asks_nothing_and_only_the_deletion_of_production_asks():
    found = environments()

    for name in ("dev", "staging", "production"):
        assert found[name]["deploy"]["parameters"]["confirm_changeset"] is False, name
        assert found[name]["delete"]["parameters"]["no_prompts"] is (name != "production"), name


def test_every_override_is_a_parameter_with_an_accepted_value():
    parameters = stack.source()["Parameters"]
    for name, section in environments().items():
        for parameter, value in overrides(section).items():
            declared = parameters[parameter]
            accepted = [str(v) for v in declared.get("AllowedValues", [value])]
            assert value in accepted, (name, parameter)
            assert re.fullmatch(declared.get("AllowedPattern", ".*"), value), (name, parameter)


def test_staging_has_the_parameters_of_production_except_its_names_and_its_log_retention():
    found = environments()
    own = {"TableName", "LogRetentionDays", "AlarmTopicArn"}

    def common(name):
        return {key: value for key, value in overrides(found[name]).items() if key not in own}

    assert common("staging") == common("production")


def test_the_costs_page_adds_up_the_fixed_cost_of_the_template():
    alarms = [r["Properties"] for r in resources() if r["Type"] == "AWS::CloudWatch::Alarm"]
    # CloudWatch charges an alarm for each metric that it reads.
    read = sum(sum("MetricStat" in m for m in a.get("Metrics", [])) or 1 for a in alarms)
    filters = sum(r["Type"] == "AWS::Logs::MetricFilter" for r in resources())

    page = (stack.ROOT / "docs/costs.md").read_text()
    section = page.split("\n## Fixed cost\n")[1].split("\n## ")[0]
    assert f"alarms, which read {read} metrics | {read} × $0.10 = $" in section
    assert f"metrics of the access log | {filters} × $0.30 = $" in section
    rows = [row.split(" | ") for row in re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[1:]]
    for column, most in ((1, 15), (2, 50)):
        costs = [float(re.findall(r"\$([0-9.]+)", row[column])[-1]) for row in rows[:5]]
        assert round(sum(costs[:4]), 2) == costs[4] < most
        for row in rows[:3]:
            for count, each, product in re.findall(r"(\d+) × \$([0-9.]+) = \$([0-9.]+)", row[column]):
                assert round(int(count) * float(each), 2) == float(product), row

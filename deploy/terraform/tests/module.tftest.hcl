# Tests of the module for various settings. They do not need AWS: `terraform test`.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_secretsmanager_random_password" {
    defaults = { random_password = "0123456789012345678901234567890123456789012345678901234567890123" }
  }
  # ARNs that the provider accepts.
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:mock" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/mock/stream/2026-01-01T00:00:00.000" }
  }
  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:event-bus/mock" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-central-1:111122223333:rule/mock/mock" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:mock" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:mock" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:mock" }
  }
  mock_resource "aws_api_gateway_rest_api" {
    defaults = { execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:mock" }
  }
}

variables {
  # Any file can be the package: nothing is uploaded.
  tvm_package        = "versions.tf"
  authorizer_package = "versions.tf"
}

run "every_route_requires_iam" {
  command = plan

  assert {
    condition     = alltrue([for key in ["ANY /", "ANY /{proxy+}", "POST /requests/{id}/approve"] : contains(keys(aws_apigatewayv2_route.tvm), key)])
    error_message = "the HTTP API lacks a route"
  }
  assert {
    condition     = length(aws_apigatewayv2_route.tvm) == 20
    error_message = "the HTTP API has other routes than those of the TVM and the two for everything else"
  }
  assert {
    condition     = alltrue([for route in aws_apigatewayv2_route.tvm : route.authorization_type == "AWS_IAM"])
    error_message = "a route has no authorization"
  }
}

run "the_authorizer_sees_every_request_and_nothing_is_cached" {
  command = plan
  variables {
    downstream_api_ids = { orders = "a1b2c3d4e5" }
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.downstream["orders"].authorizer_result_ttl_in_seconds == 0
    error_message = "a cached result would undo a revocation"
  }
  assert {
    condition     = aws_apigatewayv2_authorizer.downstream["orders"].identity_sources == null
    error_message = "with an identity source, a session id in the other position does not reach the authorizer"
  }
  assert {
    condition     = aws_apigatewayv2_authorizer.downstream["orders"].enable_simple_responses && local.variables.authorizer.SENTINEL_AUTHORIZER_RESPONSE == "simple"
    error_message = "the response format of the authorizer differs from that of the API"
  }
}

run "the_function_and_the_stage_have_the_same_secret" {
  command = plan
  variables {
    origin_secret = "0123456789abcdef0123456789abcdef"
  }

  assert {
    condition = (
      nonsensitive(aws_apigatewayv2_stage.tvm[0].stage_variables.sentinelOrigin) == "0123456789abcdef0123456789abcdef" &&
      nonsensitive(local.variables.tvm.SENTINEL_ORIGIN_SECRET) == "0123456789abcdef0123456789abcdef"
    )
    error_message = "with different secrets every request is refused; without one, a principal that can invoke the function can impersonate any user"
  }
}

run "a_short_secret_is_refused" {
  command = plan
  variables {
    origin_secret = "too short"
  }
  expect_failures = [var.origin_secret]
}

run "both_functions_have_the_same_session_key" {
  command = apply

  assert {
    condition = (
      length(nonsensitive(local.variables.tvm.SENTINEL_SESSION_KEY)) >= 32 &&
      nonsensitive(local.variables.tvm.SENTINEL_SESSION_KEY) == nonsensitive(local.variables.authorizer.SENTINEL_SESSION_KEY)
    )
    error_message = "without a key forged ids cause reads; with different keys every session is refused"
  }
}

run "a_session_key_is_rotated_with_the_new_and_the_old_one" {
  command = plan
  variables {
    session_key = "new0123456789abcdef0123456789abcdef,old0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = nonsensitive(local.variables.authorizer.SENTINEL_SESSION_KEY) == "new0123456789abcdef0123456789abcdef,old0123456789abcdef0123456789abcdef"
    error_message = "the authorizer does not receive both keys"
  }
}

run "a_short_session_key_is_refused" {
  command = plan
  variables {
    session_key = "0123456789abcdef0123456789abcdef,short"
  }
  expect_failures = [var.session_key]
}

run "shared_variables_cannot_be_set_in_one_function" {
  command = plan
  variables {
    environment = { SENTINEL_GENERATION = "1" }
  }
  expect_failures = [var.environment]
}

run "exact_roles_and_other_accounts_reach_the_function" {
  command = plan
  variables {
    session_name_roles  = ["111122223333:AWSReservedSSO_Developers_0123456789abcdef", "222222222222:ci"]
    trusted_account_ids = ["222222222222"]
    rest_api            = {}
  }

  assert {
    condition     = local.variables.tvm.SENTINEL_SESSION_NAME_ROLES == "111122223333:AWSReservedSSO_Developers_0123456789abcdef,222222222222:ci"
    error_message = "roles other than the named ones set user names"
  }
  assert {
    condition     = local.variables.tvm.SENTINEL_TRUSTED_ACCOUNTS == "111122223333,222222222222"
    error_message = "the own account is accepted unless trust_own_account is off"
  }
  assert {
    condition     = local.rest_allowed_accounts == toset(["222222222222"])
    error_message = "an allow for the own account would admit callers that IAM does not allow"
  }
}

run "the_own_account_can_be_left_out" {
  command = plan
  variables {
    trust_own_account   = false
    trusted_account_ids = ["222222222222"]
    http_api            = false
    rest_api            = { endpoint = "PRIVATE", vpc_endpoint_ids = ["vpce-1"] }
  }

  assert {
    condition     = local.variables.tvm.SENTINEL_TRUSTED_ACCOUNTS == "222222222222" && local.rest_allowed_accounts == toset(["222222222222"])
    error_message = "the own account is accepted"
  }
}

run "a_deployment_that_accepts_no_account_is_refused" {
  command = plan
  variables {
    trust_own_account = false
  }
  expect_failures = [var.trusted_account_ids]
}

run "only_existing_resources_are_granted" {
  command = plan

  assert {
    condition = [for statement in jsondecode(local.policies.tvm).Statement : statement.Sid] == [
      "AssumeProtectedRoles", "TagSessions", "ReadPolicies", "SessionTracking", "SessionLists",
      "RequestsAndGrants", "RequestAndGrantLists", "Logs",
    ]
    error_message = "the TVM's role has other statements"
  }
  assert {
    condition     = [for statement in jsondecode(local.policies.authorizer).Statement : statement.Sid] == ["ReadSessions", "Logs"]
    error_message = "the authorizer's role has other statements"
  }
  assert {
    condition     = length(aws_iam_role_policy.vpc) == 0 && length(aws_iam_role_policy.traces) == 0
    error_message = "network interfaces or traces are granted unnecessarily"
  }
}

run "requested_features_are_granted" {
  command = plan
  variables {
    policy_parameter    = "/acme/policies/main"
    policy_table        = true
    policy_kms_key_arn  = "arn:aws:kms:eu-central-1:111122223333:key/policies"
    kms_key_arn         = "arn:aws:kms:eu-central-1:111122223333:key/tables"
    protected_role_arns = ["arn:aws:iam::222222222222:role/SentinelProtected-*"]
    vpc                 = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition = [for statement in jsondecode(local.policies.tvm).Statement : statement.Sid] == [
      "AssumeProtectedRoles", "TagSessions", "ReadPolicies", "DecryptPolicies", "SessionTracking", "SessionLists",
      "RequestsAndGrants", "RequestAndGrantLists", "PolicyTable", "DecryptTables", "Logs",
    ]
    error_message = "the TVM's role lacks a statement"
  }
  assert {
    condition = jsondecode(local.policies.tvm).Statement[0].Resource == [
      "arn:aws:iam::111122223333:role/SentinelProtected-*", "arn:aws:iam::222222222222:role/SentinelProtected-*",
    ]
    error_message = "protected roles of other accounts are not added"
  }
  assert {
    condition = jsondecode(local.policies.tvm).Statement[2].Resource == [
      "arn:aws:ssm:eu-central-1:111122223333:parameter/acme/policies", "arn:aws:ssm:eu-central-1:111122223333:parameter/acme/policies/*",
    ]
    error_message = "policies are read under another root than the main document's folder"
  }
  assert {
    condition     = length(aws_iam_role_policy.vpc) == 2
    error_message = "functions in a VPC need network interfaces"
  }
}

run "a_private_api_denies_all_but_its_endpoints" {
  command = plan
  variables {
    http_api = false
    rest_api = { endpoint = "PRIVATE", vpc_endpoint_ids = ["vpce-1"] }
  }

  assert {
    condition     = [for statement in local.rest_statements : statement.Sid] == ["VendedCredentialsDoNotVend", "OnlyThroughTheseEndpoints", "Account111122223333"]
    error_message = "the resource policy differs"
  }
  assert {
    condition     = alltrue([for method in aws_api_gateway_method.tvm : method.authorization == "AWS_IAM"])
    error_message = "a method has no authorization"
  }
  assert {
    condition     = aws_api_gateway_method_settings.tvm[0].settings[0].data_trace_enabled == false && aws_api_gateway_method_settings.tvm[0].settings[0].caching_enabled == false
    error_message = "responses contain credentials: they must be neither logged nor cached"
  }
}

run "a_private_api_without_an_endpoint_is_refused" {
  command = plan
  variables {
    rest_api = { endpoint = "PRIVATE" }
  }
  expect_failures = [var.rest_api]
}

# The provider creates another deployment for another trigger; a mock does not.
run "a_narrowed_address_list_is_deployed" {
  command = apply
  variables {
    rest_api = { allowed_cidrs = ["192.0.2.0/24"] }
  }

  assert {
    condition     = jsondecode(aws_api_gateway_rest_api_policy.tvm[0].policy).Statement[1].Condition.NotIpAddress["aws:SourceIp"] == ["192.0.2.0/24"]
    error_message = "the resource policy has other addresses"
  }
  assert {
    condition     = aws_api_gateway_deployment.tvm[0].triggers.policy == sha256(aws_api_gateway_rest_api_policy.tvm[0].policy)
    error_message = "the stage keeps the old resource policy"
  }
}

run "tables_are_kept" {
  command = plan
  variables {
    policy_table = true
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled && table.point_in_time_recovery[0].enabled])
    error_message = "a table can be lost"
  }
  assert {
    condition     = aws_dynamodb_table.this["sentinel-sessions"].ttl[0].attribute_name == "ttl" && length(aws_dynamodb_table.this["sentinel-policies"].ttl) == 0
    error_message = "TTL removes expired sessions, and must not remove policies"
  }
}

run "without_notifications_there_is_no_pipe" {
  command = plan

  assert {
    condition     = length(aws_pipes_pipe.notifications) + length(aws_sns_topic.notifications) + length(aws_cloudwatch_event_rule.notifications) == 0
    error_message = "notifications are not switched off"
  }
}

run "one_variable_switches_notifications_on" {
  command = apply
  variables {
    notifications = true
  }

  assert {
    condition     = length(aws_pipes_pipe.notifications) == 4 && length(aws_cloudwatch_event_target.notifications) == 2
    error_message = "a pipe or a target is missing"
  }
  assert {
    condition     = alltrue([for pipe in aws_pipes_pipe.notifications : jsondecode(pipe.target_parameters[0].input_template).version != ""])
    error_message = "an input template is not JSON"
  }
  assert {
    condition     = jsondecode(aws_pipes_pipe.notifications["sentinel-grant-ends"].target_parameters[0].input_template).title == "<$.dynamodb.OldImage.on_removal.M.title.S>"
    error_message = "an input template reads another image than its filter"
  }
}

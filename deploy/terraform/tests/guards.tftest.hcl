# The service control policies that the module prints. In a separate file: a run that applies leaves
# its APIs to the runs after it, and these need APIs with known ids.

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

run "the_guards_protect_each_named_role_at_any_path_and_each_api" {
  command = plan
  variables {
    rest_api = {}
    guard    = { deployer = "Deployer", roles = ["444455556666:CorporateLogin"] }
  }
  override_resource {
    target          = aws_apigatewayv2_api.tvm
    values          = { id = "a1b2c3d4e5", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3d4e5" }
    override_during = plan
  }
  override_resource {
    target          = aws_api_gateway_rest_api.tvm
    values          = { id = "f6g7h8i9j0", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:f6g7h8i9j0" }
    override_during = plan
  }

  assert {
    condition = length(setsubtract([
      "arn:aws:iam::444455556666:role/CorporateLogin", "arn:aws:iam::444455556666:role/*/CorporateLogin",
      "arn:aws:iam::*:role/Deployer", "arn:aws:iam::*:role/*/Deployer",
      "arn:aws:iam::*:role/AWSReservedSSO_*", "arn:aws:iam::*:role/*/AWSReservedSSO_*",
    ], jsondecode(output.service_control_policies["identity-guard"]).Statement[0].Resource)) == 0
    error_message = "a principal that can create a role with a protected name can impersonate any user"
  }
  assert {
    condition = length(setsubtract(flatten([
      for id in ["a1b2c3d4e5", "f6g7h8i9j0"] : [for kind in ["apis", "restapis"] : "arn:aws:apigateway:*::/${kind}/${id}*"]
    ]), jsondecode(output.service_control_policies["administration-guard"]).Statement[0].Resource)) == 0
    error_message = "an API is not protected"
  }
  assert {
    condition     = !strcontains(join("", values(output.service_control_policies)), "$${")
    error_message = "a placeholder was not replaced"
  }
}

run "the_guards_are_of_the_partition" {
  command = plan
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-us-gov" }
  }
  override_resource {
    target          = aws_apigatewayv2_api.tvm
    values          = { id = "a1b2c3d4e5", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3d4e5" }
    override_during = plan
  }

  assert {
    condition = alltrue([
      for policy in values(output.service_control_policies) : alltrue([
        for arn in regexall("arn:[^:]*:", policy) : arn == "arn:aws-us-gov:"
      ])
    ])
    error_message = "a guard with ARNs of another partition denies nothing"
  }
}

run "a_role_with_a_wildcard_is_refused" {
  command = plan
  variables {
    guard = { roles = ["444455556666:Corporate*"] }
  }
  expect_failures = [var.guard]
}

run "a_guard_that_aws_would_not_accept_is_refused" {
  command = plan
  variables {
    guard = { roles = [for number in range(40) : "444455556666:CorporateLogin${number}"] }
  }
  override_resource {
    target          = aws_apigatewayv2_api.tvm
    values          = { id = "a1b2c3d4e5", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3d4e5" }
    override_during = plan
  }
  expect_failures = [output.service_control_policies]
}

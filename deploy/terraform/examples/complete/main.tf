# Sentinel with one profile, and the authorizer in front of your own API.
#
#   make lambda-tvm lambda-authorizer
#   cd deploy/terraform/examples/complete && terraform init && terraform apply

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60, < 7.0"
    }
  }
}

provider "aws" {}

module "sentinel" {
  source = "../.."

  tvm_package        = "${path.module}/../../../../bin/lambda-tvm-linux-amd64.zip"
  authorizer_package = "${path.module}/../../../../bin/lambda-authorizer-linux-amd64.zip"
  downstream_api_ids = { orders = aws_apigatewayv2_api.orders.id }
}

module "production" {
  source = "../../modules/protected-role"

  profile             = "production"
  tvm_role_arn        = module.sentinel.tvm_role_arn
  managed_policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
}

# An API that requires a session. Replace it with your own.
resource "aws_apigatewayv2_api" "orders" {
  name          = "orders"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "orders" {
  api_id                 = aws_apigatewayv2_api.orders.id
  integration_type       = "HTTP_PROXY"
  integration_method     = "GET"
  integration_uri        = "https://checkip.amazonaws.com/"
  payload_format_version = "1.0"
}

resource "aws_apigatewayv2_route" "orders" {
  api_id             = aws_apigatewayv2_api.orders.id
  route_key          = "GET /orders"
  target             = "integrations/${aws_apigatewayv2_integration.orders.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = module.sentinel.authorizer_ids["orders"]
}

resource "aws_apigatewayv2_stage" "orders" {
  # checkov:skip=CKV_AWS_76: this API is an example; your own API has its own logs
  api_id      = aws_apigatewayv2_api.orders.id
  name        = "$default"
  auto_deploy = true
}

output "tvm_url" {
  value = module.sentinel.tvm_url
}

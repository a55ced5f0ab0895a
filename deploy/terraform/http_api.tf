# The HTTP API in front of the TVM. Every route requires IAM authorization.

resource "aws_apigatewayv2_api" "tvm" {
  count         = var.http_api ? 1 : 0
  name          = "sentinel-tvm"
  description   = "Sentinel Token Vending Machine"
  protocol_type = "HTTP"
  tags          = var.tags
}

resource "aws_apigatewayv2_integration" "tvm" {
  count                  = var.http_api ? 1 : 0
  api_id                 = aws_apigatewayv2_api.tvm[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.tvm.arn
  payload_format_version = "2.0"
}

locals {
  # One route for each route of the TVM, so that IAM can allow each of them (sentinel-iam/src/routes.rs). The first two
  # answer everything else.
  http_routes = [
    "ANY /",
    "ANY /{proxy+}",
    "GET /",
    "POST /",
    "GET /profiles",
    "GET /whoami",
    "GET /requests",
    "POST /requests",
    "GET /requests/{id}",
    "POST /requests/{id}/approve",
    "POST /requests/{id}/deny",
    "POST /requests/{id}/cancel",
    "POST /requests/{id}/revoke",
    "GET /break-glass",
    "POST /break-glass",
    "POST /break-glass/{id}/close",
    "POST /break-glass/{id}/review",
    "GET /sessions",
    "POST /sessions/revoke",
    "POST /sessions/reinstate",
  ]
}

resource "aws_apigatewayv2_route" "tvm" {
  for_each = toset(var.http_api ? local.http_routes : [])

  api_id             = aws_apigatewayv2_api.tvm[0].id
  route_key          = each.key
  authorization_type = "AWS_IAM"
  target             = "integrations/${aws_apigatewayv2_integration.tvm[0].id}"
}

resource "aws_cloudwatch_log_group" "http_api" {
  # checkov:skip=CKV_AWS_158: a customer managed key is optional (kms_key_arn); logs are encrypted anyway
  # checkov:skip=CKV_AWS_338: one year, unless log_retention_days is set
  count             = var.http_api ? 1 : 0
  name              = "/aws/vendedlogs/apis/sentinel-tvm"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_apigatewayv2_stage" "tvm" {
  count           = var.http_api ? 1 : 0
  api_id          = aws_apigatewayv2_api.tvm[0].id
  name            = "$default"
  auto_deploy     = true
  stage_variables = { sentinelOrigin = local.origin_secret }
  tags            = var.tags

  default_route_settings {
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }

  # No path, query or header: only the caller, the route and the result.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.http_api[0].arn
    format          = jsonencode(local.access_log)
  }

  depends_on = [aws_apigatewayv2_route.tvm]
}

locals {
  access_log = {
    requestId = "$context.requestId"
    time      = "$context.requestTime"
    ip        = "$context.identity.sourceIp"
    caller    = "$context.identity.userArn"
    route     = "$context.routeKey"
    status    = "$context.status"
    error     = "$context.error.message"
    latency   = "$context.responseLatency"
  }
}

resource "aws_lambda_permission" "http_api" {
  count         = var.http_api ? 1 : 0
  statement_id  = "apigateway-invoke"
  function_name = aws_lambda_function.tvm.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.tvm[0].execution_arn}/*"
}

# The optional REST API in front of the TVM: for a resource policy, a private endpoint, or callers of other
# accounts, which an HTTP API does not support.

locals {
  rest = var.rest_api[*]

  # For callers of this account an allow by IAM is sufficient, so only denials restrict them. Other accounts, and private
  # APIs, need an allow here too.
  rest_allowed_accounts = setunion(
    try(var.rest_api.endpoint, "REGIONAL") == "PRIVATE" && var.trust_own_account ? [local.account] : [],
    [for account in var.trusted_account_ids : account if account != local.account],
  )

  rest_statements = concat(
    [
      {
        Sid       = "VendedCredentialsDoNotVend"
        Effect    = "Deny"
        Principal = "*"
        Condition = { StringLike = { "aws:SourceIdentity" = ["sentinel-*"] } }
      }
    ],
    length(try(var.rest_api.allowed_cidrs, [])) > 0 ? [
      {
        Sid       = "OnlyFromHere"
        Effect    = "Deny"
        Principal = "*"
        Condition = { NotIpAddress = { "aws:SourceIp" = var.rest_api.allowed_cidrs } }
      }
    ] : [],
    length(try(var.rest_api.vpc_endpoint_ids, [])) > 0 ? [
      {
        Sid       = "OnlyThroughTheseEndpoints"
        Effect    = "Deny"
        Principal = "*"
        Condition = { StringNotEquals = { "aws:SourceVpce" = var.rest_api.vpc_endpoint_ids } }
      }
    ] : [],
    [
      for account in local.rest_allowed_accounts : {
        Sid       = "Account${account}"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${account}:root" }
      }
    ],
  )
}

resource "aws_api_gateway_rest_api" "tvm" {
  # checkov:skip=CKV_AWS_237: it is never replaced, except together with all resources that refer to it
  count       = length(local.rest)
  name        = "sentinel-tvm"
  description = "Sentinel Token Vending Machine"
  tags        = var.tags

  endpoint_configuration {
    types            = [local.rest[0].endpoint]
    vpc_endpoint_ids = local.rest[0].endpoint == "PRIVATE" ? local.rest[0].vpc_endpoint_ids : null
  }
}

resource "aws_api_gateway_resource" "proxy" {
  count       = length(local.rest)
  rest_api_id = aws_api_gateway_rest_api.tvm[0].id
  parent_id   = aws_api_gateway_rest_api.tvm[0].root_resource_id
  path_part   = "{proxy+}"
}

locals {
  rest_resources = length(local.rest) == 0 ? {} : {
    root  = aws_api_gateway_rest_api.tvm[0].root_resource_id
    proxy = aws_api_gateway_resource.proxy[0].id
  }
}

resource "aws_api_gateway_method" "tvm" {
  # checkov:skip=CKV2_AWS_53: the TVM validates each request itself and reports what is wrong with it
  for_each = local.rest_resources

  rest_api_id   = aws_api_gateway_rest_api.tvm[0].id
  resource_id   = each.value
  http_method   = "ANY"
  authorization = "AWS_IAM"
}

resource "aws_api_gateway_integration" "tvm" {
  for_each = local.rest_resources

  rest_api_id             = aws_api_gateway_rest_api.tvm[0].id
  resource_id             = each.value
  http_method             = aws_api_gateway_method.tvm[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.tvm.invoke_arn
}

resource "aws_api_gateway_rest_api_policy" "tvm" {
  count       = length(local.rest)
  rest_api_id = aws_api_gateway_rest_api.tvm[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in local.rest_statements : merge(statement, {
        Action   = "execute-api:Invoke"
        Resource = "${aws_api_gateway_rest_api.tvm[0].execution_arn}/*"
      })
    ]
  })
}

resource "aws_api_gateway_deployment" "tvm" {
  count       = length(local.rest)
  rest_api_id = aws_api_gateway_rest_api.tvm[0].id

  # A change of the definition or of the policy takes effect only after a deployment.
  triggers = {
    policy     = sha256(aws_api_gateway_rest_api_policy.tvm[0].policy)
    definition = sha256(jsonencode([aws_api_gateway_method.tvm, aws_api_gateway_integration.tvm]))
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "rest_api" {
  # checkov:skip=CKV_AWS_158: a customer managed key is optional (kms_key_arn); logs are encrypted anyway
  # checkov:skip=CKV_AWS_338: one year, unless log_retention_days is set
  count             = try(var.rest_api.access_logs, false) ? 1 : 0
  name              = "/aws/apigateway/sentinel-tvm"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_api_gateway_stage" "tvm" {
  # checkov:skip=CKV_AWS_73: traces only if requested (tracing)
  # checkov:skip=CKV_AWS_76: access logs only if requested: they need a role in the account's settings
  # checkov:skip=CKV_AWS_120: nothing may be cached: every response is a caller's credentials, or a decision
  # checkov:skip=CKV2_AWS_4: execution logs stay off: they can contain vended credentials; decision records contain more
  # checkov:skip=CKV2_AWS_29: a firewall is the account's choice; every request is signed
  # checkov:skip=CKV2_AWS_51: the backend is a function that requires the origin secret, not a server that requires a certificate
  count                = length(local.rest)
  rest_api_id          = aws_api_gateway_rest_api.tvm[0].id
  deployment_id        = aws_api_gateway_deployment.tvm[0].id
  stage_name           = "v1"
  variables            = { sentinelOrigin = local.origin_secret }
  xray_tracing_enabled = var.tracing
  tags                 = var.tags

  dynamic "access_log_settings" {
    for_each = aws_cloudwatch_log_group.rest_api[*].arn
    content {
      destination_arn = access_log_settings.value
      format = jsonencode(merge(local.access_log, {
        route = "$context.httpMethod $context.resourcePath"
      }))
    }
  }
}

resource "aws_api_gateway_method_settings" "tvm" {
  # checkov:skip=CKV_AWS_225: nothing may be cached
  # checkov:skip=CKV_AWS_308: nothing may be cached
  count       = length(local.rest)
  rest_api_id = aws_api_gateway_rest_api.tvm[0].id
  stage_name  = aws_api_gateway_stage.tvm[0].stage_name
  method_path = "*/*"

  settings {
    data_trace_enabled     = false # it would log whole responses, which contain credentials
    logging_level          = "OFF"
    metrics_enabled        = true
    caching_enabled        = false
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }
}

resource "aws_lambda_permission" "rest_api" {
  count         = length(local.rest)
  statement_id  = "rest-api-invoke"
  function_name = aws_lambda_function.tvm.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.tvm[0].execution_arn}/*"
}

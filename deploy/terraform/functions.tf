# The two functions and their log groups.

locals {
  served_accounts = distinct(concat(var.trust_own_account ? [local.account] : [], var.trusted_account_ids))

  variables = {
    tvm = merge(
      {
        SENTINEL_POLICY_PARAMETER = var.policy_parameter
        SENTINEL_SESSION_TABLE    = aws_dynamodb_table.this["sentinel-sessions"].name
        SENTINEL_APPROVAL_TABLE   = aws_dynamodb_table.this["sentinel-approvals"].name
        SENTINEL_BREAKGLASS_TABLE = aws_dynamodb_table.this["sentinel-breakglass"].name
        SENTINEL_GENERATION       = tostring(var.generation)
        SENTINEL_ORIGIN_SECRET    = local.origin_secret
        SENTINEL_SESSION_KEY      = local.session_key
      },
      var.policy_table ? { SENTINEL_POLICY_TABLE = aws_dynamodb_table.this["sentinel-policies"].name } : {},
      length(var.trusted_account_ids) > 0 ? { SENTINEL_TRUSTED_ACCOUNTS = join(",", local.served_accounts) } : {},
      length(var.session_name_roles) > 0 ? { SENTINEL_SESSION_NAME_ROLES = join(",", var.session_name_roles) } : {},
      length(var.operator_arns) > 0 ? { SENTINEL_OPERATORS = join(",", var.operator_arns) } : {},
      var.environment,
    )
    authorizer = {
      SENTINEL_SESSION_TABLE       = aws_dynamodb_table.this["sentinel-sessions"].name
      SENTINEL_GENERATION          = tostring(var.generation)
      SENTINEL_SESSION_KEY         = local.session_key
      SENTINEL_AUTHORIZER_RESPONSE = "simple"
    }
  }
}

resource "aws_cloudwatch_log_group" "tvm" {
  # checkov:skip=CKV_AWS_158: a customer managed key is optional (kms_key_arn); logs are encrypted anyway
  # checkov:skip=CKV_AWS_338: one year, unless log_retention_days is set
  name              = "/aws/lambda/sentinel-tvm"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_cloudwatch_log_group" "authorizer" {
  # checkov:skip=CKV_AWS_158: as above
  # checkov:skip=CKV_AWS_338: as above
  name              = "/aws/lambda/sentinel-authorizer"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "tvm" {
  # checkov:skip=CKV_AWS_50: traces only if requested (tracing)
  # checkov:skip=CKV_AWS_115: a reserved concurrency only if requested (reserved_concurrency)
  # checkov:skip=CKV_AWS_116: invoked synchronously by API Gateway: a queue has no use
  # checkov:skip=CKV_AWS_117: in a VPC only if requested (vpc)
  # checkov:skip=CKV_AWS_173: principals that can read the secret here can read it in the stage variables too: a key would hide nothing
  # checkov:skip=CKV_AWS_272: the packages are built in this repository; the pipeline that builds them can sign them
  function_name                  = "sentinel-tvm"
  description                    = "Sentinel: decides about credentials and vends them"
  role                           = aws_iam_role.tvm.arn
  filename                       = var.tvm_package
  source_code_hash               = filebase64sha256(var.tvm_package)
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 30
  reserved_concurrent_executions = var.reserved_concurrency.tvm
  tags                           = var.tags

  environment {
    variables = local.variables.tvm
  }

  # Text: the records are already JSON lines and must reach the log unchanged.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.tvm.name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [
    aws_iam_role_policy.tvm, aws_iam_role_policy.vpc, aws_iam_role_policy.traces,
    # It receives a new session key or generation first: otherwise it would refuse new sessions for a while.
    aws_lambda_function.authorizer,
  ]
}

resource "aws_lambda_function" "authorizer" {
  # checkov:skip=CKV_AWS_50: as above
  # checkov:skip=CKV_AWS_115: as above
  # checkov:skip=CKV_AWS_116: as above
  # checkov:skip=CKV_AWS_117: as above
  # checkov:skip=CKV_AWS_173: its only secret, the session key, only saves reads: it cannot be used to create a session
  # checkov:skip=CKV_AWS_272: as above
  function_name                  = "sentinel-authorizer"
  description                    = "Sentinel: refuses sessions that are unknown, expired or revoked"
  role                           = aws_iam_role.authorizer.arn
  filename                       = var.authorizer_package
  source_code_hash               = filebase64sha256(var.authorizer_package)
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 128
  timeout                        = 5
  reserved_concurrent_executions = var.reserved_concurrency.authorizer
  tags                           = var.tags

  environment {
    variables = local.variables.authorizer
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.authorizer.name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.authorizer, aws_iam_role_policy.vpc, aws_iam_role_policy.traces]
}

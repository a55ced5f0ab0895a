# Sentinel on AWS: names are those of docs/deployment.md, so deploy one per account and region.
# Resources: tables.tf, roles.tf, functions.tf, http_api.tf, rest_api.tf, downstream.tf, alarms.tf.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account     = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  region      = data.aws_region.current.name
  policy_root = dirname(var.policy_parameter)

  # Values of the placeholders in ../iam/*.json.
  names = {
    account     = local.account
    partition   = local.partition
    region      = local.region
    policy_root = local.policy_root
    policy_key  = coalesce(var.policy_kms_key_arn, "none")
    table_key   = coalesce(var.kms_key_arn, "none")
  }

  # Statements about resources that do not exist.
  absent = concat(
    var.policy_kms_key_arn == null ? ["DecryptPolicies"] : [],
    var.kms_key_arn == null ? ["DecryptTables"] : [],
    var.policy_table ? [] : ["PolicyTable"],
  )
}

# The origin secret and the session key: generated once, then stored in the state, which is as secret as the functions.
data "aws_secretsmanager_random_password" "origin" {
  count               = var.origin_secret == null ? 1 : 0
  password_length     = 64
  exclude_punctuation = true
}

resource "terraform_data" "origin" {
  count = var.origin_secret == null ? 1 : 0
  input = sensitive(data.aws_secretsmanager_random_password.origin[0].random_password)

  lifecycle {
    ignore_changes = [input] # every plan generates another value
  }
}

data "aws_secretsmanager_random_password" "session_key" {
  count               = var.session_key == null ? 1 : 0
  password_length     = 64
  exclude_punctuation = true
}

resource "terraform_data" "session_key" {
  count = var.session_key == null ? 1 : 0
  input = sensitive(data.aws_secretsmanager_random_password.session_key[0].random_password)

  lifecycle {
    ignore_changes = [input] # as above
  }
}

locals {
  session_key   = sensitive(var.session_key != null ? var.session_key : terraform_data.session_key[0].output)
  origin_secret = sensitive(var.origin_secret != null ? var.origin_secret : terraform_data.origin[0].output)
}

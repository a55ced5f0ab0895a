# The tables. All are keyed by pk and sk. TTL only removes expired items; no decision depends on it.

locals {
  tables = {
    sentinel-sessions   = { ttl = true, index = ["by-shard"], stream = false }
    sentinel-approvals  = { ttl = true, index = ["by-end"], stream = true }
    sentinel-breakglass = { ttl = true, index = ["by-end"], stream = true }
    sentinel-policies   = { ttl = false, index = [], stream = false }
  }

  # by-shard: lists of all sessions read shard by shard, so that writes are spread over several partitions.
  # by-end: only pending requests and open grants, and only their keys.
  indexes = {
    by-shard = { range_key = "sk", projection_type = "ALL", attributes = ["shard"] }
    by-end   = { range_key = "ends", projection_type = "KEYS_ONLY", attributes = ["shard", "ends"] }
  }
}

resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_119: a customer managed key is optional (kms_key_arn); AWS's key encrypts otherwise
  for_each = { for name, table in local.tables : name => table if var.policy_table || name != "sentinel-policies" }

  name                        = each.key
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection
  stream_enabled              = each.value.stream
  stream_view_type            = each.value.stream ? "NEW_AND_OLD_IMAGES" : null
  tags                        = var.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  dynamic "attribute" {
    for_each = flatten([for name in each.value.index : local.indexes[name].attributes])
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.index
    content {
      name            = global_secondary_index.value
      hash_key        = "shard"
      range_key       = local.indexes[global_secondary_index.value].range_key
      projection_type = local.indexes[global_secondary_index.value].projection_type
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl ? ["ttl"] : []
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery {
    enabled = true
  }

  # Disabled means DynamoDB's own key: a table is always encrypted.
  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}

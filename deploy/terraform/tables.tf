# The tables. All are keyed by pk and sk. TTL only removes expired items; no decision depends on it.

locals {
  tables = {
    sentinel-sessions   = { ttl = true, by_shard = true }
    sentinel-approvals  = { ttl = true, by_shard = false }
    sentinel-breakglass = { ttl = true, by_shard = false }
    sentinel-policies   = { ttl = false, by_shard = false }
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
  tags                        = var.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  # Lists of all sessions read shard by shard, so that writes are spread over several partitions.
  dynamic "attribute" {
    for_each = each.value.by_shard ? ["shard"] : []
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.by_shard ? ["by-shard"] : []
    content {
      name            = global_secondary_index.value
      hash_key        = "shard"
      range_key       = "sk"
      projection_type = "ALL"
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

# The protected role of a profile. It trusts only the TVM and cannot assume other roles.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60, < 7.0"
    }
  }
}

variable "profile" {
  description = "The profile; the role is SentinelProtected-PROFILE."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,45}$", var.profile))
    error_message = "profile must be letters, digits, dots, underscores and hyphens, at most 46 of them"
  }
}

variable "tvm_role_arn" {
  description = "The TVM's role: output tvm_role_arn of the main module. It must exist."
  type        = string
}

variable "managed_policy_arns" {
  description = "Permissions of the profile."
  type        = list(string)
}

variable "max_session_duration" {
  description = "Seconds. The TVM gets at most one hour, for any value."
  type        = number
  default     = 3600
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary, if your account requires one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

locals {
  # The placeholders are replaced by parts of the ARN, because the role may be in another account than the TVM.
  tvm = split(":", var.tvm_role_arn)
}

resource "aws_iam_role" "this" {
  name                 = "SentinelProtected-${var.profile}"
  description          = "Role of the Sentinel profile ${var.profile}"
  max_session_duration = var.max_session_duration
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
  assume_role_policy = templatefile("${path.module}/../../../iam/protected-role-trust.json", {
    partition = local.tvm[1]
    account   = local.tvm[4]
  })

  lifecycle {
    precondition {
      condition     = endswith(var.tvm_role_arn, ":role/SentinelTVMExecutionRole")
      error_message = "tvm_role_arn must be the ARN of SentinelTVMExecutionRole"
    }
  }
}

resource "aws_iam_role_policy" "guard" {
  name   = "SentinelNoOnwardRoles"
  role   = aws_iam_role.this.id
  policy = file("${path.module}/../../../iam/protected-role-guard.json")
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(var.managed_policy_arns)

  role       = aws_iam_role.this.name
  policy_arn = each.key
}

output "arn" {
  description = "The role."
  value       = aws_iam_role.this.arn
}

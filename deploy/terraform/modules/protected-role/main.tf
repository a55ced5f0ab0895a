# A protected role: what a profile gives. It trusts the TVM and nobody else, and leads to no other role.

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
  description = "The TVM's role: output tvm_role_arn of the main module. It must be there before."
  type        = string
}

variable "managed_policy_arns" {
  description = "What the profile may do."
  type        = list(string)
}

variable "max_session_duration" {
  description = "Seconds. The TVM gets no more than an hour, whatever stands here."
  type        = number
  default     = 3600
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary, where your account asks for one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}

locals {
  # The ARN's parts stand for the placeholders, since the role may be in another account than the TVM.
  tvm = split(":", var.tvm_role_arn)
}

resource "aws_iam_role" "this" {
  name                 = "SentinelProtected-${var.profile}"
  description          = "What the Sentinel profile ${var.profile} gives"
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

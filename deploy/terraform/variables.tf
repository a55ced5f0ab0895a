# All variables. Only the two packages are required.

variable "tvm_package" {
  description = "Path of the TVM's zip: bin/lambda-tvm-linux-amd64.zip, which `make lambda-tvm` builds."
  type        = string
}

variable "authorizer_package" {
  description = "Path of the authorizer's zip: bin/lambda-authorizer-linux-amd64.zip, which `make lambda-authorizer` builds."
  type        = string
}

variable "architecture" {
  description = "Architecture of the packages: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64"
  }
}

# Policies

variable "policy_parameter" {
  description = "SENTINEL_POLICY_PARAMETER: the path of the main policy document. Other documents are in the same folder."
  type        = string
  default     = "/sentinel/policies/production"

  validation {
    condition     = can(regex("^(/[A-Za-z0-9._-]+){2,}$", var.policy_parameter))
    error_message = "policy_parameter must be a path of at least two parts, as in /sentinel/policies/production"
  }
}

variable "policy_table" {
  description = "Create the table sentinel-policies, for documents that are too large for a parameter (8 KB)."
  type        = bool
  default     = false
}

variable "policy_kms_key_arn" {
  description = "Customer managed key of SecureString parameters. Not needed for aws/ssm."
  type        = string
  default     = null
}

# Accepted callers

variable "trust_own_account" {
  description = "Accept callers of this account. They need a permission in IAM, except behind a private API."
  type        = bool
  default     = true
}

variable "trusted_account_ids" {
  description = "Other accounts whose callers are accepted. They need the REST API and a permission in their own account."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.trusted_account_ids : can(regex("^[0-9]{12}$", account))])
    error_message = "trusted_account_ids must be account ids of twelve digits"
  }
  validation {
    condition     = var.trust_own_account || length(var.trusted_account_ids) > 0
    error_message = "trust_own_account = false accepts no callers without trusted_account_ids"
  }
}

variable "session_name_roles" {
  description = "SENTINEL_SESSION_NAME_ROLES: roles whose session name is the user. Name each exactly, as account:RoleName. Empty: every role that looks like one of IAM Identity Center."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for role in var.session_name_roles : can(regex("^([0-9]{12}:)?[A-Za-z0-9+=.@_*?-]*[A-Za-z0-9+=.@_?-][A-Za-z0-9+=.@_*?-]*$", role))])
    error_message = "session_name_roles must be role names, as account:RoleName, and not * alone"
  }
}

variable "operator_arns" {
  description = "SENTINEL_OPERATORS: ARNs that can list and revoke even if the policy is broken."
  type        = list(string)
  default     = []
}

variable "protected_role_arns" {
  description = "ARNs, or patterns of ARNs, of protected roles in addition to SentinelProtected-* of this account, such as roles of other accounts."
  type        = list(string)
  default     = []
}

variable "environment" {
  description = "More variables of the TVM, such as SENTINEL_MAX_DURATION. See sentinel-tvm/README.md."
  type        = map(string)
  default     = {}

  validation {
    condition     = !contains(keys(var.environment), "SENTINEL_SOURCE_IDENTITY_SEPARATOR")
    error_message = "environment cannot change SENTINEL_SOURCE_IDENTITY_SEPARATOR: the IAM documents require sentinel-*"
  }
  validation {
    condition     = length(setintersection(keys(var.environment), ["SENTINEL_GENERATION", "SENTINEL_SESSION_KEY"])) == 0
    error_message = "SENTINEL_GENERATION and SENTINEL_SESSION_KEY must be the same in both functions: set generation and session_key"
  }
}

variable "generation" {
  description = "SENTINEL_GENERATION of both functions: raise it to refuse every older session."
  type        = number
  default     = 0
}

variable "origin_secret" {
  description = "Secret that events must contain: at least 32 characters of A-Z a-z 0-9 . _ ~ -. Null: one is generated."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.origin_secret == null || can(regex("^[A-Za-z0-9._~-]{32,}$", var.origin_secret))
    error_message = "origin_secret must have at least 32 characters of A-Z a-z 0-9 . _ ~ -"
  }
}

variable "session_key" {
  description = "SENTINEL_SESSION_KEY of both functions: at least 32 characters of A-Z a-z 0-9 . _ ~ -, so that a forged session id causes no read. During a rotation: new,old. Null: one is generated."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.session_key == null || can(regex("^[A-Za-z0-9._~-]{32,}(,[A-Za-z0-9._~-]{32,})?$", var.session_key))
    error_message = "session_key must have at least 32 characters of A-Z a-z 0-9 . _ ~ -, or be two such keys with a comma between them"
  }
}

# The service control policies

variable "guard" {
  description = <<-END
    The role names in the service control policies (output service_control_policies). deployer: the role that deploys
    Sentinel and writes policies. emergency_operator: the role that can revoke through the session table. Both with their
    path, if they have one. roles: further roles that only the deployer can change, as account:RoleName, such as the exact roles
    in SENTINEL_SESSION_NAME_ROLES and SENTINEL_OPERATORS. Roles of IAM Identity Center are protected without being named.
  END
  type = object({
    deployer           = optional(string, "SentinelDeployer")
    emergency_operator = optional(string, "SentinelEmergencyOperator")
    roles              = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = alltrue([for role in var.guard.roles : can(regex("^[0-9]{12}:[A-Za-z0-9_+=,.@-]{1,64}$", role))])
    error_message = "guard.roles must be exact roles, as account:RoleName, without wildcards or a path"
  }
}

# The API in front of the TVM

variable "http_api" {
  description = "Create an HTTP API: public, for callers of this account."
  type        = bool
  default     = true
}

variable "rest_api" {
  description = <<-END
    Create a REST API: its resource policy can restrict addresses (endpoint REGIONAL) or VPC endpoints (endpoint PRIVATE),
    and it accepts callers of other accounts. access_logs needs API Gateway's CloudWatch role in the account's settings.
  END
  type = object({
    endpoint         = optional(string, "REGIONAL")
    allowed_cidrs    = optional(list(string), [])
    vpc_endpoint_ids = optional(list(string), [])
    access_logs      = optional(bool, false)
  })
  default = null

  validation {
    condition = var.rest_api == null ? true : (
      var.rest_api.endpoint == "REGIONAL" && length(var.rest_api.vpc_endpoint_ids) == 0 ||
      var.rest_api.endpoint == "PRIVATE" && length(var.rest_api.vpc_endpoint_ids) > 0 && length(var.rest_api.allowed_cidrs) == 0
    )
    error_message = "endpoint must be REGIONAL, with or without allowed_cidrs, or PRIVATE, with vpc_endpoint_ids"
  }
}

variable "throttle" {
  description = "Requests per second, and burst, that the API accepts."
  type        = object({ rate = number, burst = number })
  default     = { rate = 50, burst = 100 }
}

variable "downstream_api_ids" {
  description = "HTTP APIs that receive the authorizer, by names of your choice: { orders = \"a1b2c3d4e5\" }. Their routes must name it."
  type        = map(string)
  default     = {}
}

# Operation

variable "reserved_concurrency" {
  description = "Reserved concurrency of the TVM and the authorizer. -1: none. 0 stops it."
  type        = object({ tvm = optional(number, -1), authorizer = optional(number, -1) })
  default     = {}
}

variable "vpc" {
  description = "Subnets and security groups for the functions. Null: outside of a VPC."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null
}

variable "tracing" {
  description = "Trace the functions with X-Ray."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Customer managed key for tables and log groups. Null: AWS's keys. Its key policy must let CloudWatch Logs use it."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Deletion protection of the tables."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "Retention of the logs, including the audit records, in days."
  type        = number
  default     = 365
}

variable "notifications" {
  description = "Send notices about requests and grants to an event bus and two SNS topics (docs/notifications.md)."
  type        = bool
  default     = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that receive alarms. Empty: alarms are only visible in CloudWatch."
  type        = list(string)
  default     = []
}

variable "alarm_thresholds" {
  description = "Thresholds of alarms. concurrency: 80 % of the reserved concurrency, or of the account's limit."
  type = object({
    error_percent       = optional(number, 1)
    p99_ms              = optional(number, 500)
    concurrency         = optional(number, 800)
    authorizer_refusals = optional(number, 100)
  })
  default = {}
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}

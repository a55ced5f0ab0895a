# The service control policies, for an organization's administrator to attach. docs/threats.md lists the target accounts.

locals {
  api_ids = concat(aws_apigatewayv2_api.tvm[*].id, aws_api_gateway_rest_api.tvm[*].id)

  # Each further role without a path and with any path: the ARN of a session does not contain the path of its role.
  guarded_roles = flatten([
    for role in var.guard.roles : [
      for path in ["", "*/"] :
      "arn:${local.partition}:iam::${split(":", role)[0]}:role/${path}${split(":", role)[1]}"
    ]
  ])

  # One document per API, or one without an API: they differ in the resources that contain an API id.
  guards = {
    for name in ["administration-guard", "identity-guard", "vended-credentials-guard"] : name => [
      for id in coalescelist(local.api_ids, ["none"]) : jsondecode(templatefile("${path.module}/../iam/${name}.json", merge(local.names, {
        api_id             = id
        deployer           = var.guard.deployer
        emergency_operator = var.guard.emergency_operator
      })))
    ]
  }

  # One document with the resources of all.
  service_control_policies = {
    for name, documents in local.guards : name => jsonencode({
      Version = "2012-10-17"
      Statement = [
        for position, statement in documents[0].Statement : merge(statement, {
          Resource = concat(
            distinct(flatten([for document in documents : document.Statement[position].Resource])),
            statement.Sid == "SentinelRoles" ? local.guarded_roles : [],
          )
        })
      ]
    })
  }
}

output "service_control_policies" {
  description = "Service control policies to attach: administration-guard, identity-guard and vended-credentials-guard."
  value       = local.service_control_policies

  precondition {
    condition     = alltrue([for policy in values(local.service_control_policies) : length(policy) <= 5120])
    error_message = "a service control policy has more than the 5,120 characters that AWS Organizations accepts: name fewer roles in guard.roles, and print a second policy for the others with deploy/guard.py"
  }
}

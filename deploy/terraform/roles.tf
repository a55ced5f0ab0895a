# The two execution roles. Their permissions are in ../iam. A test compares them with the code.

locals {
  documents = {
    tvm        = jsondecode(templatefile("${path.module}/../iam/tvm-function.json", local.names))
    authorizer = jsondecode(templatefile("${path.module}/../iam/authorizer-function.json", local.names))
  }

  # The statements whose resources exist. Protected roles of other accounts are added to the statements about protected roles.
  policies = {
    for name, document in local.documents : name => jsonencode({
      Version = document.Version
      Statement = [
        for statement in document.Statement :
        merge(statement, {
          for key in ["Resource"] : key => concat([statement.Resource], var.protected_role_arns)
          if length(var.protected_role_arns) > 0 && contains(["AssumeProtectedRoles", "TagSessions"], statement.Sid)
        })
        if !contains(local.absent, statement.Sid)
      ]
    })
  }
}

resource "aws_iam_role" "tvm" {
  name = "SentinelTVMExecutionRole"
  # Protected roles trust it by its unique id: a recreated role is a different one (docs/runbook.md).
  description        = "The Sentinel TVM: the only principal that protected roles trust"
  assume_role_policy = file("${path.module}/../iam/function-trust.json")
  tags               = var.tags
}

resource "aws_iam_role_policy" "tvm" {
  name   = "Sentinel"
  role   = aws_iam_role.tvm.id
  policy = local.policies.tvm
}

resource "aws_iam_role" "authorizer" {
  name               = "SentinelAuthorizerRole"
  description        = "The Sentinel authorizer: it only reads sessions"
  assume_role_policy = file("${path.module}/../iam/function-trust.json")
  tags               = var.tags
}

resource "aws_iam_role_policy" "authorizer" {
  name   = "Sentinel"
  role   = aws_iam_role.authorizer.id
  policy = local.policies.authorizer
}

resource "aws_iam_role_policy" "vpc" {
  # checkov:skip=CKV_AWS_290: network interfaces have no ARN before they are created; AWS's own policy also uses *
  # checkov:skip=CKV_AWS_355: as above
  for_each = var.vpc == null ? {} : { tvm = aws_iam_role.tvm.id, authorizer = aws_iam_role.authorizer.id }

  name   = "SentinelVpc"
  role   = each.value
  policy = templatefile("${path.module}/../iam/function-vpc.json", local.names)
}

resource "aws_iam_role_policy" "traces" {
  # checkov:skip=CKV_AWS_290: X-Ray's write actions take no resource
  # checkov:skip=CKV_AWS_355: as above
  for_each = var.tracing ? { tvm = aws_iam_role.tvm.id, authorizer = aws_iam_role.authorizer.id } : {}

  name   = "SentinelTraces"
  role   = each.value
  policy = file("${path.module}/../iam/function-traces.json")
}

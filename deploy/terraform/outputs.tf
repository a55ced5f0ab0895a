# What others need. Never the origin secret.

output "tvm_url" {
  description = "SENTINEL_TVM_URL for clients: the HTTP API's, where there is one, else the REST API's."
  value       = var.http_api ? aws_apigatewayv2_api.tvm[0].api_endpoint : one(aws_api_gateway_stage.tvm[*].invoke_url)
}

output "rest_api_url" {
  description = "The REST API's address, where there is one."
  value       = one(aws_api_gateway_stage.tvm[*].invoke_url)
}

output "tvm_role_arn" {
  description = "What protected roles trust."
  value       = aws_iam_role.tvm.arn
}

output "authorizer_ids" {
  description = "The authorizer of each downstream API, for its routes."
  value       = { for name, authorizer in aws_apigatewayv2_authorizer.downstream : name => authorizer.id }
}

output "authorizer_function_arn" {
  description = "The authorizer's function, for REST APIs and APIs made elsewhere."
  value       = aws_lambda_function.authorizer.arn
}

output "client_policies" {
  description = "The policy that lets somebody ask: one for each API."
  value = [
    for id in concat(aws_apigatewayv2_api.tvm[*].id, aws_api_gateway_rest_api.tvm[*].id) :
    templatefile("${path.module}/../iam/client.json", merge(local.names, { api_id = id }))
  ]
}

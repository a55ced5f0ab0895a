# Outputs for other configurations. They never contain the origin secret.

output "tvm_url" {
  description = "SENTINEL_TVM_URL for clients: the address of the HTTP API if it exists, otherwise that of the REST API."
  value       = var.http_api ? aws_apigatewayv2_api.tvm[0].api_endpoint : one(aws_api_gateway_stage.tvm[*].invoke_url)
}

output "rest_api_url" {
  description = "Address of the REST API, if it exists."
  value       = one(aws_api_gateway_stage.tvm[*].invoke_url)
}

output "tvm_role_arn" {
  description = "Principal that protected roles trust."
  value       = aws_iam_role.tvm.arn
}

output "authorizer_ids" {
  description = "The authorizer of each downstream API, for its routes."
  value       = { for name, authorizer in aws_apigatewayv2_authorizer.downstream : name => authorizer.id }
}

output "authorizer_function_arn" {
  description = "Function of the authorizer, for REST APIs and APIs that are created elsewhere."
  value       = aws_lambda_function.authorizer.arn
}

output "client_policies" {
  description = "Policies that allow callers to use the TVM, one per API."
  value = [
    for id in concat(aws_apigatewayv2_api.tvm[*].id, aws_api_gateway_rest_api.tvm[*].id) :
    templatefile("${path.module}/../iam/client.json", merge(local.names, { api_id = id }))
  ]
}

output "notification_topic_arns" {
  description = "Topics of notices: `text` for email, `chat` in the format of Amazon Q Developer. Empty without notifications."
  value       = { for name, topic in aws_sns_topic.notifications : name => topic.arn }
}

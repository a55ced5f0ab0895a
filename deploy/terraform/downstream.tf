# The authorizer on downstream HTTP APIs. Their routes name it: authorization_type CUSTOM, authorizer_id.

resource "aws_apigatewayv2_authorizer" "downstream" {
  for_each = var.downstream_api_ids

  api_id                            = each.value
  name                              = "sentinel-session-authorizer"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = aws_lambda_function.authorizer.invoke_arn
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true

  # No identity source, so that the id can be in the header or the query. No caching: a revoked session is
  # refused at the next request.
  authorizer_result_ttl_in_seconds = 0
}

resource "aws_lambda_permission" "downstream" {
  for_each = var.downstream_api_ids

  statement_id  = "authorizer-${each.key}"
  function_name = aws_lambda_function.authorizer.function_name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "arn:${local.partition}:execute-api:${local.region}:${local.account}:${each.value}/authorizers/${aws_apigatewayv2_authorizer.downstream[each.key].id}"
}

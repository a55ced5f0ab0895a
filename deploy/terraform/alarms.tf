# Alarms. Sentinel counts its own errors: Lambda does not count a failure that is returned as a response (500, 503).

locals {
  # On one metric: { description, namespace, metric, function, statistic, threshold }.
  alarms = {
    sentinel-latency              = ["The TVM's p99 is too slow", "AWS/Lambda", "Duration", "sentinel-tvm", "p99", var.alarm_thresholds.p99_ms]
    sentinel-concurrency          = ["The TVM is near its concurrency limit", "AWS/Lambda", "ConcurrentExecutions", "sentinel-tvm", "Maximum", var.alarm_thresholds.concurrency]
    sentinel-tvm-crashes          = ["The TVM crashed or timed out", "AWS/Lambda", "Errors", "sentinel-tvm", "Sum", 0]
    sentinel-tvm-throttles        = ["Requests to the TVM were throttled", "AWS/Lambda", "Throttles", "sentinel-tvm", "Sum", 0]
    sentinel-authorizer-crashes   = ["The authorizer crashed or timed out: its APIs refuse", "AWS/Lambda", "Errors", "sentinel-authorizer", "Sum", 0]
    sentinel-authorizer-throttles = ["The authorizer was throttled: its APIs refuse", "AWS/Lambda", "Throttles", "sentinel-authorizer", "Sum", 0]
    sentinel-authorizer-refusals  = ["Many sessions are refused: an attack, or a store that fails", "Sentinel", "AuthorizerRefusals", null, "Sum", var.alarm_thresholds.authorizer_refusals]
    sentinel-stale-policy         = ["A stale policy is in use: SSM is throttled or unavailable", "Sentinel", "StalePolicy", null, "Sum", 0]
    sentinel-break-glass          = ["Break-glass access was used", "Sentinel", "BreakGlassOpened", null, "Sum", 0]
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = each.key
  alarm_description   = "${each.value[0]}. See docs/runbook.md."
  namespace           = each.value[1]
  metric_name         = each.value[2]
  dimensions          = each.value[3] == null ? null : { FunctionName = each.value[3] }
  statistic           = each.value[4] == "p99" ? null : each.value[4]
  extended_statistic  = each.value[4] == "p99" ? "p99" : null
  threshold           = each.value[5]
  comparison_operator = "GreaterThanThreshold"
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "error_rate" {
  alarm_name          = "sentinel-error-rate"
  alarm_description   = "Too many requests to Sentinel fail. See docs/runbook.md."
  threshold           = var.alarm_thresholds.error_percent
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags

  metric_query {
    id          = "rate"
    label       = "errors in percent"
    expression  = "100 * errors / requests"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "Errors", requests = "Requests" }
    content {
      id = metric_query.key
      metric {
        namespace   = "Sentinel"
        metric_name = metric_query.value
        period      = 300
        stat        = "Sum"
      }
    }
  }
}

# Notifications (docs/notifications.md): stream → pipe → event bus → topics. The functions have no part in it.

locals {
  notifications = var.notifications ? toset(["this"]) : toset([])

  # The fields of a notice. A test compares them with the SAM template's, and with the events of the emulator.
  notice_fields = [
    "version", "key", "id", "user", "account", "principal", "profile",
    "role_arn", "rule", "reason", "reason_code", "ticket", "duration", "at",
    "until", "by", "comment", "title", "next",
  ]

  # At most two readers per stream. A removal counts if DynamoDB's time to live caused it.
  pipes = {
    sentinel-requests = {
      table = "sentinel-approvals", image = "NewImage", attribute = "notice", filter = { eventName = ["INSERT", "MODIFY"] }
    }
    sentinel-request-ends = {
      table  = "sentinel-approvals", image = "OldImage", attribute = "on_removal",
      filter = { eventName = ["REMOVE"], userIdentity = { principalId = ["dynamodb.amazonaws.com"] } }
    }
    sentinel-grants = {
      table = "sentinel-breakglass", image = "NewImage", attribute = "notice", filter = { eventName = ["INSERT", "MODIFY"] }
    }
    sentinel-grant-ends = {
      table  = "sentinel-breakglass", image = "OldImage", attribute = "on_removal",
      filter = { eventName = ["REMOVE"], userIdentity = { principalId = ["dynamodb.amazonaws.com"] } }
    }
  }

  # Text of callers contains neither quotation marks nor backslashes, so that the templates cannot be left.
  notice_text = <<-EOT
    "<title>."
    "<next>"
    "Principal: <principal>"
    "Role: <role>"
    "Rule: <rule>"
    "Comment: <comment>"
    "Ticket, as entered: <ticket>"
    "Reason, as entered: <reason>"
    "Sentinel <type> <key>"
  EOT

  notice_chat = <<-EOT
    {"version": "1.0", "source": "custom", "id": "<key>",
    "content": {"textType": "client-markdown", "title": "<title>",
    "description": "Reason, as entered: <reason>", "keywords": ["Ticket, as entered: <ticket>"],
    "nextSteps": ["<next>"]}}
  EOT

  notice_targets = {
    text = {
      topic = "sentinel-notifications", template = trimspace(local.notice_text),
      paths = {
        type = "$.detail-type", title = "$.detail.title", principal = "$.detail.principal", role = "$.detail.role_arn",
        rule = "$.detail.rule", ticket = "$.detail.ticket", reason = "$.detail.reason", comment = "$.detail.comment",
        next = "$.detail.next", key = "$.detail.key"
      }
    }
    chat = {
      topic = "sentinel-notifications-chat", template = trimspace(local.notice_chat),
      paths = {
        title = "$.detail.title", ticket = "$.detail.ticket", reason = "$.detail.reason", next = "$.detail.next",
        key   = "$.detail.key"
      }
    }
  }
}

resource "aws_cloudwatch_event_bus" "notifications" {
  for_each = local.notifications

  name = "sentinel"
  tags = var.tags
}

resource "aws_sqs_queue" "lost_notifications" {
  for_each = local.notifications

  name                      = "sentinel-lost-notifications"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_iam_role" "notification_pipe" {
  for_each = local.notifications

  name        = "SentinelNotificationPipe"
  description = "Reads the streams of requests and grants, and writes to the event bus"
  tags        = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pipes.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "notification_pipe" {
  for_each = local.notifications

  name = "Sentinel"
  role = aws_iam_role.notification_pipe[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "ReadStreams"
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = [for name in ["sentinel-approvals", "sentinel-breakglass"] : aws_dynamodb_table.this[name].stream_arn]
      },
      {
        Sid      = "PutEvents"
        Effect   = "Allow"
        Action   = "events:PutEvents"
        Resource = aws_cloudwatch_event_bus.notifications[each.key].arn
      },
      {
        Sid      = "KeepLostNotifications"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.lost_notifications[each.key].arn
      },
      ], var.kms_key_arn == null ? [] : [
      { Sid = "DecryptStreams", Effect = "Allow", Action = "kms:Decrypt", Resource = var.kms_key_arn },
    ])
  })
}

resource "aws_pipes_pipe" "notifications" {
  for_each = { for name, pipe in local.pipes : name => pipe if var.notifications }

  name     = each.key
  role_arn = aws_iam_role.notification_pipe["this"].arn
  source   = aws_dynamodb_table.this[each.value.table].stream_arn
  target   = aws_cloudwatch_event_bus.notifications["this"].arn
  tags     = var.tags

  source_parameters {
    filter_criteria {
      filter {
        pattern = jsonencode(merge(each.value.filter, {
          dynamodb = { (each.value.image) = { (each.value.attribute) = { M = { type = { S = [{ exists = true }] } } } } }
        }))
      }
    }
    dynamodb_stream_parameters {
      starting_position             = "TRIM_HORIZON"
      batch_size                    = 10
      maximum_retry_attempts        = 20
      on_partial_batch_item_failure = "AUTOMATIC_BISECT"
      dead_letter_config {
        arn = aws_sqs_queue.lost_notifications["this"].arn
      }
    }
  }

  target_parameters {
    eventbridge_event_bus_parameters {
      source      = "sentinel"
      detail_type = "$.dynamodb.${each.value.image}.${each.value.attribute}.M.type.S"
    }
    input_template = format("{%s}", join(", ", [
      for name in local.notice_fields :
      "\"${name}\": \"<$.dynamodb.${each.value.image}.${each.value.attribute}.M.${name}.S>\""
    ]))
  }

  depends_on = [aws_iam_role_policy.notification_pipe]
}

resource "aws_sns_topic" "notifications" {
  # checkov:skip=CKV_AWS_26: EventBridge can use only a customer managed key; the notices contain no secret
  for_each = { for name, target in local.notice_targets : name => target if var.notifications }

  name         = each.value.topic
  display_name = "Sentinel"
  tags         = var.tags
}

resource "aws_sns_topic_policy" "notifications" {
  for_each = aws_sns_topic.notifications

  arn = each.value.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PublishNotices"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = each.value.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.notifications["this"].arn } }
    }]
  })
}

resource "aws_sqs_queue_policy" "lost_notifications" {
  for_each = local.notifications

  queue_url = aws_sqs_queue.lost_notifications[each.key].url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "KeepLostNotices"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.lost_notifications[each.key].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.notifications[each.key].arn } }
    }]
  })
}

resource "aws_cloudwatch_event_rule" "notifications" {
  for_each = local.notifications

  name           = "sentinel-notifications"
  description    = "Every notice, as text for people"
  event_bus_name = aws_cloudwatch_event_bus.notifications[each.key].name
  event_pattern  = jsonencode({ source = ["sentinel"] })
  tags           = var.tags
}

resource "aws_cloudwatch_event_target" "notifications" {
  for_each = aws_sns_topic.notifications

  rule           = aws_cloudwatch_event_rule.notifications["this"].name
  event_bus_name = aws_cloudwatch_event_bus.notifications["this"].name
  target_id      = each.key
  arn            = each.value.arn

  dead_letter_config {
    arn = aws_sqs_queue.lost_notifications["this"].arn
  }

  input_transformer {
    input_paths    = local.notice_targets[each.key].paths
    input_template = local.notice_targets[each.key].template
  }
}

resource "aws_cloudwatch_metric_alarm" "lost_notifications" {
  for_each = local.notifications

  alarm_name          = "sentinel-lost-notifications"
  alarm_description   = "Notices could not be delivered. See docs/runbook.md."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.lost_notifications[each.key].name }
  statistic           = "Maximum"
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

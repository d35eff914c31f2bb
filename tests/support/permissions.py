"""The reviewed permissions of each function, to which every new action or resource must be added."""

LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
CONSUME = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}
GET, BATCH_GET, QUERY = "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"
PUT, UPDATE, DELETE = "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"
CHECK = "dynamodb:ConditionCheckItem"
START = {"states:StartExecution"}
PACKS = {"s3:GetObject", "s3:PutObject"}
BUS = "arn:AWS::Partition:events:AWS::Region:AWS::AccountId:event-bus/default"

REVIEWED: dict[str, dict[str, set[str]]] = {
    "Api": {
        "FunctionsApiLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE, CHECK},
        "DataTable/index/unsettled": {QUERY},
        "DataTable/index/project_uploads": {QUERY},
        "DataTable/index/uploads": {QUERY},
        "DataBucket/packs/*": PACKS,
        "DataBucket/uploads/*": {"s3:GetObject", "s3:PutObject", "s3:ListMultipartUploadParts"},
        "DataBucket/assets/*": {"s3:GetObject", "s3:PutObject"},
        "DataBucket/downloads/*": {"s3:GetObject", "s3:PutObject"},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/checkpoints/*": {"s3:GetObject"},
        "DataBucket/exports/*": {"s3:GetObject"},
        "IngestWindows": {"sqs:SendMessage"},
        "IngestFiles": {"sqs:SendMessage"},
        "DataIdempotency": {GET, PUT, UPDATE, DELETE},
        "WorkflowsTransferMachine": START,
        "WorkflowsPurgeMachine": START,
        "WorkflowsCheckpointMachine": START,
    },
    "Authorizer": {"FunctionsAuthorizerLogs": LOGS, "*": TRACES, "DataKeys": {GET}},
    "Intake": {
        "FunctionsIntakeLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE},
        "DataTable/index/unsettled": {QUERY},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/packs/*": PACKS,
        "DataBucket/uploads/*": {"s3:GetObject", "s3:GetObjectVersion"},
        "DataBucket/drop/*": {
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:PutObjectTagging",
            "s3:PutObjectVersionTagging",
            "s3:DeleteObject",
        },
        "DataBucket/rejected/*": {"s3:PutObject"},
        "IngestFiles": CONSUME | {"sqs:SendMessage"},
        "IngestFilesDead": {"sqs:SendMessage"},
        "IngestWindows": {"sqs:SendMessage"},
        "IngestSettled": {"sqs:SendMessage"},
        "WorkflowsTransferMachine": START,
    },
    "Apply": {
        "FunctionsApplyLogs": LOGS,
        "*": TRACES,
        "DataTable": {BATCH_GET, QUERY, PUT, UPDATE, CHECK},
        "DataBucket/packs/*": PACKS,
        "IngestWindows": CONSUME,
        "IngestWindowsDead": {"sqs:SendMessage"},
        "IngestSettled": {"sqs:SendMessage"},
    },
    "Publish": {
        "FunctionsPublishLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE},
        "IngestSettled": CONSUME,
        "IngestSettledDead": {"sqs:SendMessage"},
        BUS: {"events:PutEvents"},
    },
    "DeadLetter": {
        "FunctionsDeadLetterLogs": LOGS,
        "*": TRACES,
        "DataTable": {BATCH_GET, PUT, UPDATE},
        "IngestWindowsDead": CONSUME,
        "IngestSettled": {"sqs:SendMessage"},
    },
    "Transfer": {
        "FunctionsTransferLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE},
        "DataBucket/packs/*": {"s3:PutObject"},
        "IngestFiles": {"sqs:SendMessage"},
    },
    "Purge": {
        "FunctionsPurgeLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT, UPDATE, DELETE, "dynamodb:BatchWriteItem"},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/packs/*": {"s3:DeleteObject"},
        "DataBucket/checkpoints/*": {"s3:DeleteObject"},
        "DataBucket/exports/*": {"s3:DeleteObject"},
        "DataBucket/uploads/*": {"s3:DeleteObject"},
    },
    "Checkpoint": {
        "FunctionsCheckpointLogs": LOGS,
        "*": TRACES,
        "DataTable": {GET, BATCH_GET, QUERY, PUT},
        "DataBucket": {"s3:ListBucket"},
        "DataBucket/packs/*": {"s3:GetObject"},
        "DataBucket/checkpoints/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
        "DataBucket/exports/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
    },
}

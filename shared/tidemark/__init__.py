"""Tidemark: a versioned store for machine-learning datasets that keep changing.

`domain` says what things mean and touches no network; `store` says how they are kept in DynamoDB, S3 and SQS;
`services` are the operations that functions call. Imports point downhill only: services → store → domain.
"""

"""The reviewed rules: the lowest role that each operation requires. Add each new operation here."""

from tidemark.domain.api_keys import Role

PUBLIC = None

_READS = (
    "listProjects",
    "getProject",
    "getClassMap",
    "listDatasets",
    "getDataset",
    "reportStorage",
    "listFrames",
    "getFrame",
    "batchGetFrames",
    "getFrameHistory",
    "getLabelHistory",
    "listVersions",
    "getVersion",
    "listCheckpoints",
    "getCheckpoint",
    "getCheckpointStatistics",
    "createExport",
    "listExports",
    "getExport",
    "listExportFiles",
    "diffVersions",
    "summarizeDiff",
    "listUploads",
    "listProjectUploads",
    "getUpload",
    "listUploadErrors",
    "downloadUploadErrors",
    "listUploadRows",
    "listUploadFiles",
    "readAssets",
)
_WRITES = (
    "submitMutations",
    "createUpload",
    "completeUpload",
    "retryUpload",
    "rollBack",
    "announceAssets",
    "createCheckpoint",
    "editCheckpoint",
    "retryCheckpoint",
    "archiveCheckpoint",
    "unarchiveCheckpoint",
)
_ADMINISTRATION = (
    "listRejectedFiles",
    "createProject",
    "putClassMap",
    "createDataset",
    "cloneDataset",
    "archiveDataset",
    "unarchiveDataset",
    "purgeDataset",
)

RULES: dict[str, Role | None] = {
    "getDescription": PUBLIC,
    **dict.fromkeys(_READS, Role.READ),
    **dict.fromkeys(_WRITES, Role.WRITE),
    **dict.fromkeys(_ADMINISTRATION, Role.ADMIN),
}

PROJECT_IN_BODY = {"createProject": "name", "cloneDataset": "project"}
"""Body fields that name a project, by operation. They require access as a project in the path does."""

"""Limits of the service, each with the reason for its value. `docs/limits.md` documents them for users."""

# One request
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Body of a request. A synchronous Lambda call carries 6 MB, and holds the body as JSON inside JSON, where each
quotation mark takes two bytes."""
MAX_REQUEST_ROWS = 1000
"""Mutations in a request. Larger loads take several requests."""
MAX_BODY_VALUES = 50_000
"""Fields and list items in a body other than mutations. A class map of `MAX_CLASSES` has four per class. Each can be an
error, and describing an error takes some 10 µs."""
MAX_ROW_ERRORS = 20
"""Errors reported for a row. Someone who fixes twenty will then see the next twenty."""
MAX_ERRORS_EXAMINED = 20_000
"""Errors examined in all rows of a request, in a chunk of a file, or in a body. Each takes some 4 µs and there can be
two million. Beyond this, a row with more than `MAX_ROW_ERRORS` errors only gets an error with their number."""
MAX_BATCH_FRAMES = 100
"""Frames in a batch read."""
MAX_PAGE_ITEMS = 1000
"""Items on a page of a list."""
DEFAULT_PAGE_ITEMS = 100
"""Items on a page of a list if the request does not set `limit`."""
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Payload bytes on a page of frames or of an upload's rows, and change bytes on a page of a history. A page ends early
when it reaches this. It leaves room below Lambda's response limit of 6 MB."""
MAX_UPLOADS_EXAMINED = 1000
"""Uploads examined for a page of a list. If a filter matches few of them, the page has few items."""
MAX_CHECKPOINTS_EXAMINED = 1000
"""Checkpoints examined for a page of a list. If few of them match, the page has few items."""
MAX_VERSIONS_EXAMINED = 500
"""Versions read for a page of a list with one version per hour. An hour with n versions takes some 2 log2(n) reads."""
MAX_DIFF_EXAMINED = 1000
"""Frames examined for a page of a diff. If many are back in their earlier state, the page has few items."""
MAX_DIFF_COMMITS = 10_000
"""Commits read for a page of a diff. If they changed few frames, the page has few items."""
MAX_DOWNLOAD_ERRORS = 100_000
"""Errors in a downloaded file. They are all read within one request, which has time for about this many."""

# One row file
MAX_FILE_BYTES = 5 * 1024**3
"""Size of a row file, both stored and inflated: S3's limit for one PUT. A gzip file is inflated from its start each
time reading resumes. Five GiB take half a minute of the function's five minutes."""
MAX_FILE_LINES = 5_000_000
"""Lines of a row file, including blank lines. Files of one-kilobyte lines reach this and `MAX_FILE_BYTES` together."""
MAX_LINE_BYTES = 4 * 1024 * 1024
"""Length of a line in a row file, without its newline: as much as a request may have for one row. It holds a frame of
`MAX_FRAME_BYTES` however it is spaced and escaped. Parsed, it takes at most 130 MB of the function's 1,024 MB."""
MAX_INFLATION_RATIO = 200
"""Inflated bytes per byte of gzip. Real rows reach 10 to 50. Text made to fill memory reaches 1,000."""

# One frame
MAX_FRAME_BYTES = 1024 * 1024
"""Size of a frame in canonical JSON. Pixels and points are referenced by URL, so a megabyte is all annotation."""
MAX_LABELS_PER_FRAME = 5000
"""Labels of a frame."""
MAX_CLASSES_PER_FRAME = 128
"""Distinct classes in a frame. Each frame version carries its counts by class, and the frame versions of a window share
a DynamoDB transaction of 4 MB."""
MAX_SENSORS = 64
"""Sensors of a frame, and coordinate frames of a frame."""
MAX_METADATA_FIELDS = 500
"""Metadata fields of a frame or a sensor, and attributes of a label."""
MAX_LIST_ITEMS = 1000
"""Items of a list in metadata, and keypoints or polygons of a label."""
MAX_POLYGON_VERTICES = 10_000
"""Vertices of a polygon. No list in a row may be longer."""
MAX_INSTANCES = 5000
"""Instances of an instance mask."""
MAX_NESTING = 16
"""Nesting depth of objects and arrays in a row. The deepest valid row has 8 levels."""
MAX_OBJECT_FIELDS = 1000
"""Fields of any object in a row, known or not. No valid row has nearly as many."""
MAX_STRING_CHARACTERS = 8192
"""Characters of a text value in metadata and attributes."""
MAX_TEXT_CHARACTERS = 65_536
"""Characters of the text of a text sensor."""
MAX_URL_CHARACTERS = 2048
"""Characters of a URL."""
MAX_SAFE_INTEGER = 2**53 - 1
"""Largest magnitude at which every JSON reader keeps a whole number exact."""
MAX_EMBEDDING_DIMENSION = 65_536
"""Dimension of an embedding."""

# Ids and names
MAX_ID_CHARACTERS = 128
"""Characters of an id or a name."""
MAX_ID_BYTES = 256
"""Bytes of an id or a name in UTF-8. An id is part of a DynamoDB sort key of 1,024 bytes, and of URLs, where its length
may triple."""

# One upload of files
MAX_UPLOAD_FILES = 90
"""Files of an upload. They are announced in one DynamoDB transaction of 100 items."""
MAX_FILE_NAME_CHARACTERS = 512
"""Characters of a file name."""

MAX_SINGLE_PUT_BYTES = 100 * 1024**2
"""Size up to which a file is uploaded in one PUT; a larger file uses multipart upload. A PUT that fails starts again
from zero, and this much takes a few minutes on a slow line. S3 checks a SHA-256 only for a single PUT, so a file
announced with one is uploaded in one PUT whatever its size."""
DEFAULT_PART_BYTES = 64 * 1024**2
"""Size of a multipart part: 80 parts make a file of `MAX_FILE_BYTES`. S3 requires at least 5 MiB."""
MAX_UPLOAD_PARTS = 1000
"""Multipart parts of all files of an upload; where there would be more, parts are larger than `DEFAULT_PART_BYTES`.
Each part has a signed URL of some two kilobytes, in a response of at most 4.6 MB."""

# Assets
MAX_REQUEST_ASSETS = 100
"""Assets in a request. Each takes a request to S3, and a signed URL of one or two kilobytes in the response."""
MAX_ASSET_BYTES = 5 * 1024**3
"""Size of an asset: S3's limit for one PUT, the only upload whose SHA-256 S3 can check."""

# One project and one dataset
MAX_CLASSES = 10_000
"""Classes of a project."""
MAX_CLASS_MAP_BYTES = 320 * 1024
"""Size of a class map in JSON. A DynamoDB item holds 400 KB, and so does the response stored for an Idempotency-Key.
There the map is compressed, which saves at least a seventh whatever the text, and then encoded in base64, which adds a
third."""
MAX_SCHEMA_FIELDS = 1000
"""Distinct metadata fields of a dataset."""
MAX_DESCRIPTION_CHARACTERS = 2000
"""Characters of the description of a project, a dataset or a checkpoint."""
MAX_CHECKPOINT_METADATA_FIELDS = 100
"""Metadata fields of a checkpoint. They hold notes, not data."""
MAX_CHECKPOINT_METADATA_BYTES = 16 * 1024
"""Size of a checkpoint's metadata in JSON. A list returns all of it, and is read 1 MB per query."""
MAX_COUNTED_VALUES = 50
"""Distinct values of a metadata field that checkpoint statistics count one by one. A field with more is not a category,
and its range says more."""
MAX_COUNTED_VALUE_BYTES = 1024
"""Size of these values in JSON. With those of all fields of a dataset, statistics still fit a response, where a
quotation mark takes four bytes."""
MAX_CLASS_KEYPOINTS = 200
"""Keypoint names of a class in COCO, where each annotation of the class lists all of them. A whole body has 133."""
MAX_KEYPOINT_NAMES = 5000
"""Keypoint names of all classes in COCO, which are held in memory."""
DEFAULT_SHARDS = 16
"""Shards of a dataset if its creation does not set them."""
MAX_SHARDS = 64
"""Shards of a dataset. The heads of all shards must fit the item of a version."""
MAX_ROWS_IN_FLIGHT = 500_000
"""Accepted but undecided rows of a dataset. More are refused until some are decided. A dataset of 16 shards applies
this many in a minute or two."""
MAX_WINDOWS_IN_FLIGHT = 10_000
"""Undecided windows of a dataset. Each is a message, and a row sent alone makes one. SQS looks for work among the first
120,000 messages of a FIFO queue, so a dataset with more would hide the work of all others."""

# One window
MAX_WINDOW_FRAMES = 96
"""Frames of a window. A DynamoDB transaction takes 100 items: three are the window's head, commit and marker, and one
is spare."""
MAX_WINDOW_BYTES = 128 * 1024
"""Size of a window's message. SQS takes 256 KiB."""

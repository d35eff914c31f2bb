"""Limits on what users send and store, on pages of results and on windows, each with the reason for its value.

`docs/limits.md` documents these limits for users. Time-outs and other waiting times are not here; they are in the rooms
that use them.
"""

# One request
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Most bytes in the body of a request. A synchronous Lambda call carries 6 MB and wraps the body in a JSON string, in
which each quotation mark takes two bytes."""
MAX_REQUEST_ROWS = 1000
"""Most mutations in a request. Larger loads take several requests."""
MAX_BODY_VALUES = 50_000
"""Most object fields and list items in a request body without mutations. Each can be an error, and describing an error
takes some 10 µs. A class map of `MAX_CLASSES` classes has four fields and items per class."""
MAX_ROW_ERRORS = 20
"""Most errors reported for a row. Someone who fixes these and sends the row again sees the next ones."""
MAX_ERRORS_EXAMINED = 20_000
"""Most errors examined in all rows of a request, in a chunk of a file, or in a body. Examining an error takes some 4
µs, and there can be two million errors. Beyond this limit, a row with more than `MAX_ROW_ERRORS` errors gets a single
error that states their number."""
MAX_BATCH_FRAMES = 100
"""Most frames in a batch read."""
MAX_PAGE_ITEMS = 1000
"""Most items on a page of a list, and so the largest `limit` of a request."""
DEFAULT_PAGE_ITEMS = 100
"""Most items on a page of a list if the request does not set `limit`."""
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Number of bytes at which a page ends early. It counts payloads on a page of frames or of an upload's rows, changes on
a page of a history, and JSON on a page of checkpoints. The limit leaves room below Lambda's response limit of 6 MB."""
MAX_UPLOADS_EXAMINED = 1000
"""Most uploads examined for a page of a list. If few of them match the list's filter, the page has few items."""
MAX_CHECKPOINTS_EXAMINED = 1000
"""Most checkpoints examined for a page of a list. If few of them match the list's filter, the page has few items."""
MAX_VERSIONS_EXAMINED = 500
"""Number of versions read after which a page of a list with one version per hour ends. An hour with n versions takes
some 2 log2(n) reads."""
MAX_DIFF_EXAMINED = 1000
"""Most changed frames examined for a page of a diff. If many of them are back in their earlier state, the page has few
items."""
MAX_DIFF_COMMITS = 10_000
"""Number of commits read after which a page of a diff ends. If these commits changed few frames, the page has few
items."""
MAX_DOWNLOAD_ERRORS = 100_000
"""Most errors in a downloaded error file. One request reads them all, and has time for about this many."""

# One row file
MAX_FILE_BYTES = 5 * 1024**3
"""Most bytes of a row file, both as stored and inflated. This is S3's limit for one PUT. Each time reading resumes, a
gzip file is inflated from its start; five GiB take half a minute of the function's five minutes."""
MAX_FILE_LINES = 5_000_000
"""Most lines of a row file, including blank lines. A file of one-kilobyte lines reaches this limit and `MAX_FILE_BYTES`
together."""
MAX_LINE_BYTES = 4 * 1024 * 1024
"""Most bytes of a line in a row file, without its newline. A request may use as many for one row. A line of this length
holds a frame of `MAX_FRAME_BYTES`, however the frame is spaced and escaped. Parsed, the line takes at most 130 MB of
the function's 1,024 MB of memory."""
MAX_INFLATION_RATIO = 200
"""Most inflated bytes per byte of gzip data. Real rows reach 10 to 50. Text made to fill memory reaches 1,000."""

# One frame
MAX_FRAME_BYTES = 1024 * 1024
"""Most bytes of a frame in canonical JSON. Pixels and points are referenced by URL, so a megabyte is all annotation."""
MAX_LABELS_PER_FRAME = 5000
"""Most labels of a frame."""
MAX_CLASSES_PER_FRAME = 128
"""Most distinct classes in a frame. Each stored frame version carries its counts by class, and the frame versions of a
window are written in one DynamoDB transaction of at most 4 MB."""
MAX_SENSORS = 64
"""Most sensors of a frame, and most coordinate frames of a frame."""
MAX_METADATA_FIELDS = 500
"""Most metadata fields of a frame or a sensor, and most attributes of a label."""
MAX_LIST_ITEMS = 1000
"""Most items of a list in metadata, and most keypoints or polygons of a label."""
MAX_POLYGON_VERTICES = 10_000
"""Most vertices of a polygon, and most items of any list in a row."""
MAX_INSTANCES = 5000
"""Most instances of an instance mask."""
MAX_NESTING = 16
"""Most levels of nested objects and arrays in a row or a request body. The deepest valid row has 8 levels."""
MAX_OBJECT_FIELDS = 1000
"""Most fields of any object in a row, including unknown fields. No valid row has nearly as many."""
MAX_STRING_CHARACTERS = 8192
"""Most characters of a text value in metadata and attributes."""
MAX_TEXT_CHARACTERS = 65_536
"""Most characters of a text sensor's text."""
MAX_URL_CHARACTERS = 2048
"""Most characters of a URL."""
MAX_SAFE_INTEGER = 2**53 - 1
"""Largest magnitude up to which every JSON reader keeps whole numbers exact."""
MAX_EMBEDDING_DIMENSION = 65_536
"""Most dimensions of an embedding."""

# Ids and names
MAX_ID_CHARACTERS = 128
"""Most characters of an id or a name."""
MAX_ID_BYTES = 256
"""Most bytes of an id or a name in UTF-8. An id is part of a DynamoDB sort key of at most 1,024 bytes, and of URLs,
where percent-encoding may triple its length."""

# One upload of files
MAX_UPLOAD_FILES = 90
"""Most files of an upload. One DynamoDB transaction of at most 100 items stores all of them when they are announced."""
MAX_FILE_NAME_CHARACTERS = 512
"""Most characters of a file name."""

MAX_SINGLE_PUT_BYTES = 100 * 1024**2
"""Most bytes of a file that is uploaded in a single PUT; a larger file uses multipart upload. A PUT that fails starts
again from zero, and this many bytes take a few minutes on a slow line. S3 checks a SHA-256 only for a single PUT, so a
file announced with a SHA-256 is uploaded in a single PUT whatever its size."""
DEFAULT_PART_BYTES = 64 * 1024**2
"""Bytes of a multipart part, unless an upload would then have more than `MAX_UPLOAD_PARTS`. With this size, 80 parts
make a file of `MAX_FILE_BYTES`. S3 requires at least 5 MiB."""
MAX_UPLOAD_PARTS = 1000
"""Most multipart parts of an upload, all files together. Where there would be more, parts are larger than
`DEFAULT_PART_BYTES`. Each part has a signed URL of some two kilobytes, in a response of at most 4.6 MB."""

# Assets
MAX_REQUEST_ASSETS = 100
"""Most assets in a request. Each asset takes a request to S3, and a signed URL of one or two kilobytes in the response.
"""
MAX_ASSET_BYTES = 5 * 1024**3
"""Most bytes of an asset. This is S3's limit for one PUT, the only kind of upload whose SHA-256 S3 can check."""

# One project and one dataset
MAX_CLASSES = 10_000
"""Most classes of a project."""
MAX_CLASS_MAP_BYTES = 320 * 1024
"""Most bytes of a class map in JSON. A DynamoDB item holds 400 KB, both the item of the map and the response stored for
an idempotency key. In that response the map is compressed, which saves at least a seventh whatever the text, and then
encoded in base64, which adds a third."""
MAX_SCHEMA_FIELDS = 1000
"""Most distinct metadata fields of a dataset."""
MAX_DESCRIPTION_CHARACTERS = 2000
"""Most characters of the description of a project, a dataset or a checkpoint."""
MAX_CHECKPOINT_METADATA_FIELDS = 100
"""Most metadata fields of a checkpoint. Checkpoint metadata holds notes, not data."""
MAX_CHECKPOINT_METADATA_BYTES = 16 * 1024
"""Most bytes of a checkpoint's metadata in JSON. A list of checkpoints returns the metadata of each, and one query
reads only 1 MB."""
MAX_COUNTED_VALUES = 50
"""Most distinct values of a metadata field that checkpoint statistics count one by one. A field with more values is not
a category, and its range says more."""
MAX_COUNTED_VALUE_BYTES = 1024
"""Most bytes, in JSON, of the distinct values that checkpoint statistics count for one metadata field. With this limit,
the values of all fields of a dataset fit a response, where a quotation mark takes four bytes."""
MAX_CLASS_KEYPOINTS = 200
"""Most keypoint names that a COCO export lists for a class. Each annotation of the class lists all of them. A whole
body has 133 keypoints."""
MAX_KEYPOINT_NAMES = 5000
"""Most keypoint names that a COCO export lists for all classes together, because all are held in memory."""
DEFAULT_SHARDS = 16
"""Number of shards of a dataset whose creation does not set it."""
MAX_SHARDS = 64
"""Most shards of a dataset. The DynamoDB item of a version must hold the heads of all shards."""
MAX_ROWS_IN_FLIGHT = 500_000
"""Most accepted but undecided rows of a dataset. Further rows are refused until some are decided. A dataset of 16
shards applies this many rows in a minute or two."""
MAX_WINDOWS_IN_FLIGHT = 10_000
"""Most undecided windows of a dataset. Each window is a message, and a row sent alone makes a window of its own. SQS
looks for work among the first 120,000 messages of a FIFO queue, so a dataset with more messages would hide the work of
all other datasets."""

# One window
MAX_WINDOW_FRAMES = 96
"""Most frames of a window. A DynamoDB transaction takes 100 items. Three of them are the shard's head, the commit and
the window's marker, and one is spare."""
MAX_WINDOW_BYTES = 128 * 1024
"""Most bytes of a window's message. SQS takes 256 KiB."""

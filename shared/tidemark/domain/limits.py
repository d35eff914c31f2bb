"""The limits of the service, each with the reason for its size. Documented for users in `docs/limits.md`."""

# One request
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Body of one request. A synchronous Lambda call carries 6 MB, in which the body is JSON text inside JSON text: every
quotation mark takes two bytes."""
MAX_REQUEST_ROWS = 1000
"""Mutations in one request; larger loads go in several requests."""
MAX_BODY_VALUES = 50_000
"""Fields and items of lists in a body other than mutations; a map of `MAX_CLASSES` has four for each class. Each may be
a fault, and a fault takes some 10 µs to be told."""
MAX_ROW_ERRORS = 20
"""Errors reported for one row; whoever mends twenty will see the next twenty."""
MAX_ERRORS_EXAMINED = 20_000
"""Faults that are looked at, of all rows of a request or of a part of a file, or of a body: each takes some 4 µs, and
there may be two million. Beyond that, rows that have more than `MAX_ROW_ERRORS` are told that and no more."""
MAX_BATCH_FRAMES = 100
"""Frames read by one batch request."""
MAX_PAGE_ITEMS = 1000
"""Items on one page of a list, at most."""
DEFAULT_PAGE_ITEMS = 100
"""Items on one page of a list when the request does not say."""
MAX_PAGE_BYTES = 4 * 1024 * 1024
"""Payload on one page of frames or of an upload's rows, changes on one of a history; a page ends early when it is
reached. Leaves room under Lambda's 6 MB answer."""
MAX_UPLOADS_EXAMINED = 1000
"""Uploads that are looked at for one page of a list. Where a filter takes few of them, the page has few."""
MAX_CHECKPOINTS_EXAMINED = 1000
"""Checkpoints that are looked at for one page of a list. Where few of them are wanted, the page has few."""
MAX_VERSIONS_EXAMINED = 500
"""Versions that are read for one page of a list with one an hour: some 2 log2(n) for an hour that has n."""
MAX_DIFF_EXAMINED = 1000
"""Frames that are looked at for one page of a diff. Where many have come back to what they were, the page has few."""
MAX_DIFF_COMMITS = 10_000
"""Commits after which no more are read for one page of a diff. Where they changed few frames, the page has few."""
MAX_DOWNLOAD_ERRORS = 100_000
"""Errors in a file that is fetched. They are read within one request, in which there is time for about as many."""
MAX_KEY_REQUESTS = 1000
"""Requests of one API key in ten seconds, a hundred a second on average. One sender with requests of a thousand rows
sends two or three; a program that reads frames one by one, with a dozen requests at a time, up to a hundred."""

# One row file
MAX_FILE_BYTES = 5 * 1024**3
"""A row file, both as it lies in S3 and inflated: what S3 takes in one PUT. A gzip file is inflated from its beginning
wherever its reading goes on; five GiB take half a minute, of the five that the function has."""
MAX_FILE_LINES = 5_000_000
"""Lines of a row file, blank ones included; lines of a kilobyte reach it where they reach `MAX_FILE_BYTES`."""
MAX_LINE_BYTES = 4 * 1024 * 1024
"""A line of a row file, without its newline: as much as a request may have for one row. It holds a frame of
`MAX_FRAME_BYTES` however it is spaced and escaped, and is 130 MB at most once it is parsed; the function has 1,024."""
MAX_INFLATION_RATIO = 200
"""Bytes of text for each byte of a gzip file. Rows reach 10 to 50; text that is made to fill memory reaches 1,000."""

# One frame
MAX_FRAME_BYTES = 1024 * 1024
"""A frame in canonical JSON. Pixels and points are referenced by URL, so a megabyte is all annotation."""
MAX_LABELS_PER_FRAME = 5000
"""Labels of one frame."""
MAX_CLASSES_PER_FRAME = 128
"""Different classes in one frame. Each frame version carries its counts by class, and the versions of one window share
a DynamoDB transaction of 4 MB."""
MAX_SENSORS = 64
"""Sensors of one frame, and coordinate frames of one frame."""
MAX_METADATA_FIELDS = 500
"""Metadata fields of one frame, metadata fields of one sensor, and attributes of one label."""
MAX_LIST_ITEMS = 1000
"""Items of a list in metadata, keypoints and polygons of a label."""
MAX_POLYGON_VERTICES = 10_000
"""Vertices of one polygon. No list in a row may be longer."""
MAX_INSTANCES = 5000
"""Instances of one instance mask."""
MAX_NESTING = 16
"""Objects and arrays inside each other in a row. The deepest valid row has 8."""
MAX_OBJECT_FIELDS = 1000
"""Fields of any object in a row, known or not. No valid row comes near."""
MAX_STRING_CHARACTERS = 8192
"""Characters of a string in metadata and attributes."""
MAX_TEXT_CHARACTERS = 65_536
"""Characters of the body of a text sensor."""
MAX_URL_CHARACTERS = 2048
"""Characters of a URL."""
MAX_SAFE_INTEGER = 2**53 - 1
"""Largest magnitude of a whole number that every JSON reader keeps exactly."""
MAX_EMBEDDING_DIMENSION = 65_536
"""Numbers in one embedding."""

# Ids and names
MAX_ID_CHARACTERS = 128
"""Characters of an id or a name."""
MAX_ID_BYTES = 256
"""UTF-8 bytes of an id or a name. An id is part of a DynamoDB sort key of 1,024 bytes and of URLs, where it may grow
threefold."""

# One upload of files
MAX_UPLOAD_FILES = 90
"""Files of one upload; they are announced in one DynamoDB transaction of 100 items."""
MAX_FILE_NAME_CHARACTERS = 512
"""Characters of a file's name."""

MAX_SINGLE_PUT_BYTES = 100 * 1024**2
"""A file that is announced with its size and put in one PUT; a larger one is put in parts. A PUT that breaks off begins
anew, and this much takes a few minutes on a slow line. With a SHA-256, which S3 checks for one PUT alone, a file is put
at once whatever its size."""
DEFAULT_PART_BYTES = 64 * 1024**2
"""A part of a large file: 80 of them make a file of `MAX_FILE_BYTES`. S3 asks for 5 MiB at least."""
MAX_UPLOAD_PARTS = 1000
"""Parts of all files of one upload; where there would be more, parts are larger than `DEFAULT_PART_BYTES`. Each has a
signed URL of some two kilobytes, in an answer of 4.6 MB at most."""

# Assets
MAX_REQUEST_ASSETS = 100
"""Assets of one request: each takes a request to S3, and its signed URL a kilobyte or two of the answer."""
MAX_ASSET_BYTES = 5 * 1024**3
"""One asset: what S3 takes in one PUT, which alone can be held to a SHA-256."""

# One project and one dataset
MAX_CLASSES = 10_000
"""Classes of one project."""
MAX_CLASS_MAP_BYTES = 320 * 1024
"""One class map in JSON; a DynamoDB item takes 400 KB. The answer that is kept for an Idempotency-Key is one too: in it
the map is compressed, by a seventh at least however its text was chosen, and then in base64, a third larger."""
MAX_SCHEMA_FIELDS = 1000
"""Distinct metadata fields of one dataset."""
MAX_DESCRIPTION_CHARACTERS = 2000
"""Characters of a description of a project, a dataset or a checkpoint."""
MAX_CHECKPOINT_METADATA_FIELDS = 100
"""Fields of a checkpoint's metadata: what a person keeps with a name, not data."""
MAX_CHECKPOINT_METADATA_BYTES = 16 * 1024
"""A checkpoint's metadata in JSON. A list tells it whole, and is read 1 MB a query."""
MAX_COUNTED_VALUES = 50
"""Different values of a metadata field that the statistics of a checkpoint count one by one. What has more is no
category, and says more by its range."""
MAX_COUNTED_VALUE_BYTES = 1024
"""These values in JSON. With those of all fields of a dataset, statistics fit an answer, where a quotation mark takes
four bytes."""
MAX_CLASS_KEYPOINTS = 200
"""Names of keypoints of a class in COCO, where each annotation of the class has all of them. Whole bodies have 133."""
MAX_KEYPOINT_NAMES = 5000
"""Names of keypoints of all classes in COCO, which are kept in memory."""
DEFAULT_SHARDS = 16
"""Shards of a dataset when its creation does not say."""
MAX_SHARDS = 64
"""Shards of a dataset; the heads of all of them must fit the item of a version."""
MAX_ROWS_IN_FLIGHT = 500_000
"""Rows of one dataset that are accepted and not decided; more are refused until some are. A dataset of 16 shards
applies as many in a minute or two."""
MAX_WINDOWS_IN_FLIGHT = 10_000
"""Windows of one dataset that are not decided: messages, of which a row that is sent alone makes one. SQS looks for
work among the first 120,000 messages of a FIFO queue: a dataset with more would hide those of all others."""

# One window
MAX_WINDOW_FRAMES = 96
"""Frames of one window: DynamoDB takes 100 items in a transaction. Three are the window's own: head, commit and
marker; one is spare."""
MAX_WINDOW_BYTES = 128 * 1024
"""One window's message; SQS takes 256 KiB."""

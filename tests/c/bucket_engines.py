"""PyArrow's own S3 filesystem reads a dataset where it lies in a bucket: the pointer, the manifest that it
names, and the files that the manifest names, without the library. Polars, by its own client, reads what is in
columns.

    python bucket_engines.py PREFIX DATASET EXPECTED.jsonl

PREFIX is bucket/prefix of the store. The endpoint and the credentials are S3_ENDPOINT, ACCESS_KEY_ID and
SECRET_ACCESS_KEY of the environment. Every record must be there once, in order, with the size and the number
of records that the manifest tells.
"""

import io
import json
import os
import sys
import urllib.parse

import polars
import pyarrow.fs
import pyarrow.json
import pyarrow.parquet


def open_bucket():
    address = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
    return pyarrow.fs.S3FileSystem(
        access_key=os.environ["ACCESS_KEY_ID"],
        secret_key=os.environ["SECRET_ACCESS_KEY"],
        endpoint_override=address.netloc,
        scheme=address.scheme,
        region="us-east-1",
    )


def whole(bucket, path):
    with bucket.open_input_stream(path, compression=None) as stream:
        return stream.read()


def rows_of(bucket, path, manifest):
    if manifest["codec"] == "parquet":
        return pyarrow.parquet.read_table(path, filesystem=bucket).to_pylist()
    compression = {"noop": None, "gzip": "gzip", "zstd": "zstd"}[manifest["compressor"]]
    with bucket.open_input_stream(path, compression=compression) as stream:
        return pyarrow.json.read_json(io.BytesIO(stream.read())).to_pylist()


def polars_rows(paths):
    options = {
        "aws_access_key_id": os.environ["ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["SECRET_ACCESS_KEY"],
        "aws_endpoint_url": os.environ["S3_ENDPOINT"],
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    return polars.scan_parquet([f"s3://{path}" for path in paths], storage_options=options).collect().to_dicts()


def main():
    prefix, dataset, expected = sys.argv[1:]
    bucket = open_bucket()
    base = f"{prefix}/datasets/{dataset}"
    head = whole(bucket, f"{base}/latest").decode().strip()
    manifest = json.loads(whole(bucket, f"{base}/snapshots/{head}/manifest.json"))
    rows = []
    for file in manifest["files"]:
        path = f"{prefix}/{file['path']}"
        info = bucket.get_file_info(path)
        assert info.size == file["size_bytes"], f"{path} has {info.size} bytes, the manifest says {file['size_bytes']}"
        rows += rows_of(bucket, path, manifest)
    if manifest["codec"] == "parquet":
        found = polars_rows([f"{prefix}/{file['path']}" for file in manifest["files"]])
        assert found == rows, f"Polars reads {found}, PyArrow {rows}"
    with open(expected, encoding="utf-8") as lines:
        wanted = [json.loads(line) for line in lines]
    assert len(rows) == manifest["row_count"] == len(wanted), f"{len(rows)} rows, {len(wanted)} were written"
    for number, (row, record) in enumerate(zip(rows, wanted)):
        # A column that a record lacks is null in it.
        row = {name: value for name, value in row.items() if value is not None}
        record = {name: value for name, value in record.items() if value is not None}
        assert row == record, f"record {number}: {row}, expected {record}"
    print(f"{dataset}: {len(rows)} rows in {len(manifest['files'])} files, {manifest['codec']}, {manifest['compressor']}")


if __name__ == "__main__":
    main()

"""DuckDB's httpfs reads a dataset where it lies in a bucket: the pointer, the manifest that it names, and the
files that the manifest names, without the library.

    python bucket_duckdb.py PREFIX DATASET EXPECTED.jsonl

PREFIX is bucket/prefix of the store. The endpoint and the credentials are S3_ENDPOINT, ACCESS_KEY_ID and
SECRET_ACCESS_KEY of the environment. Every record must be there once, in order.
"""

import json
import os
import pathlib
import sys
import urllib.parse

import duckdb
import duckdb_extension_httpfs


def connect():
    """A connection with the extension that the package brings: nothing is loaded from the network."""
    connection = duckdb.connect()
    folder = pathlib.Path(duckdb_extension_httpfs.__file__).parent
    (extension,) = folder.rglob("httpfs.duckdb_extension")
    connection.execute(f"LOAD '{extension}'")
    address = urllib.parse.urlsplit(os.environ["S3_ENDPOINT"])
    key, secret = os.environ["ACCESS_KEY_ID"], os.environ["SECRET_ACCESS_KEY"]
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', REGION 'us-east-1', URL_STYLE 'path', "
        f"ENDPOINT '{address.netloc}', USE_SSL {address.scheme == 'https'})"
    )
    return connection


def text(connection, url):
    return connection.execute("SELECT content FROM read_text(?)", [url]).fetchone()[0]


def rows_of(connection, urls, manifest):
    if manifest["codec"] == "parquet":
        result = connection.execute("SELECT * FROM read_parquet(?)", [urls])
    else:
        compression = {"noop": "none", "gzip": "gzip", "zstd": "zstd"}[manifest["compressor"]]
        result = connection.execute(
            "SELECT * FROM read_json(?, format = 'newline_delimited', compression = ?)", [urls, compression]
        )
    names = [column[0] for column in result.description]
    # A column that a record lacks is null in it.
    return [
        {name: value for name, value in zip(names, row) if value is not None} for row in result.fetchall()
    ]


def main():
    prefix, dataset, expected = sys.argv[1:]
    connection = connect()
    base = f"s3://{prefix}/datasets/{dataset}"
    head = text(connection, f"{base}/latest").strip()
    manifest = json.loads(text(connection, f"{base}/snapshots/{head}/manifest.json"))
    rows = rows_of(connection, [f"s3://{prefix}/{file['path']}" for file in manifest["files"]], manifest)
    lines = pathlib.Path(expected).read_text(encoding="utf-8").splitlines()
    wanted = [{name: value for name, value in json.loads(line).items() if value is not None} for line in lines]
    assert len(rows) == manifest["row_count"] == len(wanted), f"{len(rows)} rows, {len(wanted)} were written"
    for number, (row, record) in enumerate(zip(rows, wanted)):
        assert row == record, f"record {number}: {row}, expected {record}"
    print(f"{dataset}: {len(rows)} rows by httpfs of DuckDB {duckdb.__version__}, {manifest['codec']}")


if __name__ == "__main__":
    main()

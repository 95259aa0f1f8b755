"""Spark on the library's Parquet files, and the library on Spark's.

    python spark.py TOOL DIRECTORY
"""

import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import zipfile

import foreign
import pyspark
from pyspark.sql import SparkSession
from pyspark.sql import types as of

UTC = datetime.timezone.utc
ROWS = 3000
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)

# Names, types here and there, in the order of the names, in which the library gives members out.
TYPES = [
    ("at", "timestamp", of.TimestampType()),
    ("bool", "bool", of.BooleanType()),
    ("bytes", "bytes", of.BinaryType()),
    ("float32", "float32", of.FloatType()),
    ("float64", "float64", of.DoubleType()),
    ("int32", "int32", of.IntegerType()),
    ("int64", "int64", of.LongType()),
    ("string", "string", of.StringType()),
]


def rows(nullable):
    """Rows of every type."""
    for n in range(ROWS):
        row = [
            EPOCH + datetime.timedelta(days=19_000, seconds=n, microseconds=n),
            n % 3 == 0,
            f"é {n}".encode(),
            n / 4,
            n / 8,
            n - 500,
            2**60 + n,
            f"é {n % 50} 😀",
        ]
        yield [None if nullable and (n + place) % 7 == 3 else value for place, value in enumerate(row)]


def as_record(row):
    """A row as the library is given it, and gives it out but for the digits of a second's fraction."""
    at, _, binary, *_ = row
    record = dict(zip((name for name, _, _ in TYPES), row))
    record["at"] = at and at.isoformat().replace("+00:00", "Z")
    record["bytes"] = binary and binary.decode()
    return record


def same(record, row):
    """Whether a record that was read says what the row does."""
    at = record.pop("at")
    expected = as_record(row)
    expected.pop("at")
    return record == expected and (at and datetime.datetime.fromisoformat(at.replace("Z", "+00:00"))) == row[0]


def snappy(directory):
    """The library of Snappy for this machine's C library: where musl is installed, too, Spark would take that one's."""
    (jar,) = pathlib.Path(pyspark.__file__).parent.glob("jars/snappy-java-*.jar")
    member = f"org/xerial/snappy/native/Linux/{platform.machine()}/libsnappyjava.so"
    with zipfile.ZipFile(jar) as files:
        pathlib.Path(directory, "libsnappyjava.so").write_bytes(files.read(member))
    return f"-Dorg.xerial.snappy.lib.path={directory} -Dorg.xerial.snappy.lib.name=libsnappyjava.so"


def main(tool, directory):
    os.makedirs(directory)
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", snappy(directory))
        .config("spark.sql.session.timeZone", "UTC")
        # It has no timestamps of nanoseconds: they come as the whole numbers that they are.
        .config("spark.sql.legacy.parquet.nanosAsLong", "true")
        .getOrCreate()
    )
    store = f"{directory}/store"
    schema = f"{directory}/schema.json"
    for nullable in (False, True):
        fields = [{"name": name, "type": kind, "nullable": nullable} for name, kind, _ in reversed(TYPES)]
        pathlib.Path(schema).write_text(json.dumps({"fields": fields}))
        given = list(rows(nullable))
        for compress in ([], ["--compress", "zstd"]):
            dataset = f"ours-{nullable}-{len(compress)}".lower()
            lines = "".join(json.dumps(as_record(row)) + "\n" for row in given)
            ingest = [tool, "ingest", "--quiet", "--codec", "parquet", "--schema", schema, *compress, store, dataset]
            subprocess.run(ingest, input=lines.encode(), stdout=subprocess.DEVNULL, check=True)
            path = subprocess.run([tool, "files", store, dataset], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
            found = spark.read.parquet(path).select(*(name for name, _, _ in TYPES)).collect()
            for row, expected in zip(found, given, strict=True):
                at, *others = row
                at = at and EPOCH + datetime.timedelta(microseconds=at // 1000)
                others = [bytes(value) if isinstance(value, bytearray) else value for value in others]
                assert [at, *others] == expected, f"Spark: {row} is not {expected}"
    print("Spark reads what lode wrote")

    number = 0
    for nullable in (False, True):
        given = list(rows(nullable))
        frame = spark.createDataFrame(
            [tuple(row) for row in given], of.StructType([of.StructField(name, kind, nullable) for name, _, kind in TYPES])
        ).coalesce(1)
        for compression, moments in (
            ("snappy", "INT96"), ("snappy", "TIMESTAMP_MICROS"), ("gzip", "TIMESTAMP_MILLIS"), ("zstd", "INT96"), ("none", "INT96"),
        ):
            number += 1
            spark.conf.set("spark.sql.parquet.outputTimestampType", moments)
            target = f"{directory}/theirs-{number}"
            frame.write.option("compression", compression).parquet(target)
            (path,) = pathlib.Path(target).glob("*.parquet")
            foreign.put(store, f"theirs-{number}", path, ROWS)
            cat = [tool, "cat", store, f"theirs-{number}"]
            read = subprocess.run(cat, stdout=subprocess.PIPE, check=True).stdout.splitlines()
            for line, row in zip(read, given, strict=True):
                if moments == "TIMESTAMP_MILLIS" and row[0]:
                    row = [row[0].replace(microsecond=row[0].microsecond // 1000 * 1000), *row[1:]]
                assert same(json.loads(line), row), f"{compression}, {moments}: {line} is not {row}"
    print(f"lode reads {number} files of Spark")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

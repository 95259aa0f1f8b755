//! The command line: what `--help`, the manual pages and the completions of shells are made from.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// How the tool ends; printed after the help of the tool itself.
const EXIT_STATUSES: &str = "\
Exit status:
  0    done (a reader that closes its end of a pipe early is no failure)
  1    failed, for a reason that standard error gives
  2    wrong usage: nothing was done
  3    there is no such dataset, snapshot, producer or object
  4    the commit is in doubt: `lode resolve` with the snapshot's id makes the answer final
  5    certainly not committed, and the same command may work later
  130  interrupted by SIGINT, 143 by SIGTERM: nothing that was not committed is visible

Stores are directories, or URLs: `file:/srv/lode`, `/srv/lode` and `.` are stores, and, in a build with the \
feature object-store, `s3://bucket/prefix`, `gs://bucket/prefix` and `az://container/prefix`. Without \
--store-settings a bucket is opened with what the environment has: variables, web identity, metadata services.";

/// Feeds, shows and repairs the datasets of a Lode store.
#[derive(Debug, Parser)]
#[command(name = "lode", version, max_term_width = 110, after_long_help = EXIT_STATUSES)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    /// Colours: `auto` uses them on a terminal, unless `NO_COLOR` is set.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,

    /// A file with the settings of stores in buckets, as a JSON object. Without it credentials come from the
    /// environment.
    #[arg(long, global = true, env = "LODE_STORE_SETTINGS", value_name = "FILE")]
    pub store_settings: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it the choice of the whole process.
    pub fn write_global(self) {
        let choice = match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Commits records from files, standard input or a growing file as snapshots.
    Ingest(Box<Ingest>),
    /// Writes the records (or the bytes) of a snapshot to standard output.
    Cat(Cat),
    /// Lists datasets and volumes, or the snapshots or partitions of one.
    Ls(Ls),
    /// Shows the chain of snapshots, the newest first.
    Log(Log),
    /// Shows one snapshot: its files, statistics and metadata.
    Show(Show),
    /// Prints a snapshot's data files as paths, or as a ready query for another tool.
    Files(Files),
    /// Shows how far each exactly-once producer has come.
    Producers(Producers),
    /// Makes the answer final for a commit in doubt: committed, or never.
    Resolve(Resolve),
    /// Chooses the head of a dataset whose history forks.
    Adopt(Adopt),
    /// Copies a dataset or a volume to another store, verified.
    Cp(Cp),
    /// Checks all that is stored of a dataset or volume, and repairs nothing.
    Verify(Verify),
    /// Removes what dead writers left in a dataset or volume.
    Gc(Gc),
}

/// Which dataset of which store.
#[derive(Args, Debug)]
pub struct Target {
    /// The store: a directory, or a URL such as `file:/srv/lode` or `s3://bucket/prefix`.
    pub store: String,
    /// The dataset's id.
    pub dataset: String,
    /// Where the dataset's objects lie: `auto` finds it out.
    #[arg(long, value_enum, default_value_t, value_name = "LAYOUT")]
    pub layout: LayoutChoice,
}

/// A layout, or the one that is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LayoutChoice {
    /// The one that the dataset has; the default one for a new dataset, hive with `--partition-by`.
    #[default]
    Auto,
    /// `datasets/<dataset>/snapshots/…`.
    Default,
    /// `datasets/<dataset>/partitions/key=value/…`.
    Hive,
    /// `<dataset>/<snapshot>/…`.
    Flat,
}

/// A compressor's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CompressorName {
    /// None.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A checksum's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ChecksumName {
    /// XXH3, 64 bits.
    #[default]
    Xxh3,
    /// MD5, for readers that know nothing else.
    Md5,
    /// SHA-256.
    Sha256,
    /// None.
    None,
}

/// A codec's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CodecName {
    /// JSON lines: each line of the input is a record.
    #[default]
    Jsonl,
    /// None: each input is stored byte for byte, as a snapshot of its own.
    Blob,
    /// Parquet: each line of the input is a record with the columns that --schema names.
    Parquet,
}

/// What a commit must survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DurabilityName {
    /// A power cut.
    #[default]
    Full,
    /// A killed process, not a power cut: nothing is synced.
    Process,
}

/// `lode ingest`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Without a roll option, all of the input becomes one snapshot, or nothing does. With one, a snapshot is committed each \
time that many records, bytes or seconds are reached, and one for what is left at the end. Prints the id of each \
snapshot as it is committed.

With --producer each commit carries how far the input was read, and a run that was killed is repeated with the same \
command: it goes on behind what is committed, and no record is committed twice. From standard input the same bytes must \
come again; from a file that is followed, rotated files are found by their inode.")]
pub struct Ingest {
    /// Which dataset; it is made if it does not exist, and the directory of the store, too.
    #[command(flatten)]
    pub target: Target,
    /// The files to read, one after another; `-`, or none at all: standard input.
    pub files: Vec<PathBuf>,

    /// How the input becomes records.
    #[arg(long, value_enum, default_value_t)]
    pub codec: CodecName,
    /// The schema of the records, for --codec parquet: a file with one JSON object, {"fields": [{"name":
    /// "id", "type": "int64"}, …]}; types are int32, int64, float32, float64, string, bool, bytes and
    /// timestamp, and a field may be "nullable".
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// What data files are compressed with; the pages of Parquet files by Snappy, or by zstd.
    #[arg(long, value_enum, default_value_t, value_name = "COMPRESSOR")]
    pub compress: CompressorName,
    /// The compressor's level: gzip 1 to 9, zstd 1 to 22 and below 0; 0 is its default.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub level: i32,
    /// What data files are checked by.
    #[arg(long, value_enum, default_value_t)]
    pub checksum: ChecksumName,
    /// Puts the records into partitions by these keys of theirs, separated by commas (the hive layout). The
    /// records of a snapshot are held in memory until it is committed.
    #[arg(long, value_name = "KEY,…", value_delimiter = ',')]
    pub partition_by: Vec<String>,
    /// Keeps of each column the least and greatest value and how many are null, for planning what to read.
    #[arg(long)]
    pub statistics: bool,
    /// What a commit must survive.
    #[arg(long, value_enum, default_value_t)]
    pub durability: DurabilityName,
    /// The snapshots' metadata: a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub metadata: String,
    /// The commit fails unless this snapshot is the newest (empty: unless there is none). Only for a single
    /// snapshot.
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["producer", "roll_records", "roll_bytes", "roll_age", "follow", "omprog"])]
    pub expect_parent: Option<String>,

    /// Commits a snapshot after this many records.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub roll_records: Option<u64>,
    /// Commits a snapshot once its records have this many bytes, such as `64MiB`.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub roll_bytes: Option<ByteSize>,
    /// Commits a snapshot once its first record has waited this long, such as `30s`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub roll_age: Option<Duration>,
    /// Commits exactly once under this name, and goes on where the last run ended.
    #[arg(long, value_name = "NAME", conflicts_with = "omprog")]
    pub producer: Option<String>,

    /// Waits for more at the end of the one file given, and goes on with its successor when it is rotated.
    /// Rolls after 64 MiB and after 10 seconds unless told otherwise. SIGTERM commits what was read, and
    /// ends.
    #[arg(long, conflicts_with = "omprog")]
    pub follow: bool,
    /// With --follow and --producer: goes on with the file as it is now when the one that the last run had
    /// read is gone, instead of failing.
    #[arg(long, requires = "follow", requires = "producer")]
    pub skip_lost: bool,
    /// Speaks the protocol of rsyslog's omprog with `confirmMessages="on"` on standard input and output: a
    /// message, or with `useTransactions="on"` a transaction, is confirmed once its snapshot is durable.
    #[arg(long, conflicts_with_all = ["files", "roll_records", "roll_bytes", "roll_age"])]
    pub omprog: bool,

    /// Appends lines that are no valid record to this file, durable before the commit, instead of failing.
    #[arg(long, value_name = "FILE", conflicts_with = "partition_by")]
    pub rejects: Option<PathBuf>,
    /// The longest record in bytes, such as `16MiB`; the Go library reads none over the default of 10 MiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_record: Option<ByteSize>,
    /// Gives up a commit after this time, such as `30s`; by default it may take as long as it takes.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// Prints each commit as a line of JSON.
    #[arg(long)]
    pub json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `lode cat`.
#[derive(Args, Debug)]
pub struct Cat {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// The snapshot's id; the newest if none is given.
    #[arg(conflicts_with_all = ["all", "since"])]
    pub snapshot: Option<String>,
    /// The records of all snapshots, the oldest first.
    #[arg(long)]
    pub all: bool,
    /// The records of the snapshots after this one.
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "all")]
    pub since: Option<String>,
    /// Checks each file's checksum before its first byte is written, instead of at its end.
    #[arg(long)]
    pub verify_first: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `lode ls`.
#[derive(Args, Debug)]
pub struct Ls {
    /// The store: a directory, or a URL such as `file:/srv/lode` or `s3://bucket/prefix`.
    pub store: String,
    /// A dataset, to list its snapshots; without it, the datasets and volumes of the store. Datasets in the
    /// flat layout cannot be listed.
    pub dataset: Option<String>,
    /// Where the dataset's objects lie: `auto` finds it out.
    #[arg(long, value_enum, default_value_t, value_name = "LAYOUT", requires = "dataset")]
    pub layout: LayoutChoice,
    /// It is a volume, not a dataset: lists its snapshots.
    #[arg(long, requires = "dataset", conflicts_with_all = ["layout", "partitions", "partition"])]
    pub volume: bool,
    /// Lists the dataset's partitions.
    #[arg(long, requires = "dataset")]
    pub partitions: bool,
    /// Lists only the snapshots with a file in this partition or below it, such as `day=2024-01-01`.
    #[arg(long, requires = "dataset", conflicts_with = "partitions", value_name = "PARTITION")]
    pub partition: Option<String>,
    /// Prints a JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `lode log`.
#[derive(Args, Debug)]
pub struct Log {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// At most this many snapshots.
    #[arg(long, short = 'n', value_name = "N")]
    pub max_count: Option<u64>,
    /// Prints a JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `lode show`.
#[derive(Args, Debug)]
pub struct Show {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// The snapshot's id; the newest if none is given.
    pub snapshot: Option<String>,
    /// Prints the manifest byte for byte as it is stored.
    #[arg(long, conflicts_with = "json")]
    pub manifest: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `lode files`.
#[derive(Args, Debug)]
pub struct Files {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// The snapshot's id; the newest if none is given.
    #[arg(conflicts_with = "all")]
    pub snapshot: Option<String>,
    /// The files of all snapshots, the oldest first.
    #[arg(long)]
    pub all: bool,
    /// Only the files in this partition or below it, such as `day=2024-01-01`.
    #[arg(long, value_name = "PARTITION")]
    pub partition: Option<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t)]
    pub format: FilesFormat,
}

/// What `lode files` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FilesFormat {
    /// A path a line.
    #[default]
    Paths,
    /// A JSON object a line: path, key, size, checksum, rows.
    Json,
    /// A query for DuckDB, of records or Parquet.
    Duckdb,
    /// A Python expression for Polars, of records or Parquet, with Polars imported as `pl`.
    Polars,
}

/// `lode producers`.
#[derive(Args, Debug)]
pub struct Producers {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// Only this producer; it is a failure if it is not known.
    pub producer: Option<String>,
    /// Prints a JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// `lode resolve`.
#[derive(Args, Debug)]
pub struct Resolve {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// The id that the failed commit gave.
    pub snapshot: String,
    /// Gives up after this time, such as `30s`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,
}

/// `lode adopt`.
#[derive(Args, Debug)]
pub struct Adopt {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// The head that is to stay.
    pub snapshot: String,
    /// Gives up after this time, such as `30s`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,
}

/// `lode cp`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Copies every object that the newest snapshot's history needs, under the same keys: data files and blocks (each checked \
against its checksum on the way), commit slots, manifests, and at last the pointer. What is there already with the same content is \
left alone, so that a copy that was interrupted, or an older one, is completed. Objects that differ are a failure.")]
pub struct Cp {
    /// The store to copy from: a directory, or a URL such as `file:/srv/lode` or `s3://bucket/prefix`.
    pub from: String,
    /// The id of the dataset or volume, which the copy keeps.
    pub dataset: String,
    /// The store to copy to; its directory is made if it does not exist.
    pub to: String,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// Where the dataset's objects lie: `auto` finds it out.
    #[arg(long, value_enum, default_value_t, value_name = "LAYOUT")]
    pub layout: LayoutChoice,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `lode verify`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Prints a line for each thing that is wrong: its kind, the key of the object, and what is wrong in words. A snapshot that \
is decided and not published yet, because its writer died or is at work, is nothing wrong. The exit status is 1 if \
anything is.")]
pub struct Verify {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// How much is checked; each level includes those before it.
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL")]
    pub level: VerifyLevel,
    /// Gives up after this time, such as `30s`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// Prints a JSON object a line: the findings, and at last what was checked.
    #[arg(long)]
    pub json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `lode gc`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Removes temporary files, data files and staged parts (of a volume: blocks) that no snapshot names, payloads of commits \
that lost, and uploads that were never completed, once they are old enough. Readers and writers may be at work. A writer \
does not commit data that it staged more than 24 hours ago, and on a filesystem it holds a lock on what it has staged, so \
that nothing that is or becomes visible is removed.")]
pub struct Gc {
    /// Which dataset.
    #[command(flatten)]
    pub target: Target,
    /// It is a volume, not a dataset.
    #[arg(long, conflicts_with = "layout")]
    pub volume: bool,
    /// Nothing that has stood unchanged for less is removed; at least `48h`.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "7d")]
    pub min_age: Duration,
    /// Tells what would be removed, and removes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Gives up after this time, such as `30s`.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// Prints a JSON object a line: what was removed, and at last the counts.
    #[arg(long)]
    pub json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

/// How much `lode verify` checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VerifyLevel {
    /// Slots, manifests and the pointer: that the history is one whole chain.
    Structure,
    /// Each data file is there with its size, too.
    Sizes,
    /// Each data file is read and has its checksum, too.
    #[default]
    Checksums,
    /// Each data file is decoded and holds its records, too.
    Records,
}

fn size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size.as_u64() == 0 { Err("it must be more than nothing".to_owned()) } else { Ok(size) }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; give a number with a unit, such as 500ms, 30s or 5m"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_and_times_need_sense() {
        assert_eq!(size("64MiB").unwrap().as_u64(), 64 << 20);
        assert!(size("0").is_err() && size("many").is_err());
        assert_eq!(duration("1m 30s").unwrap(), Duration::from_secs(90));
        assert!(duration("30").unwrap_err().contains("such as"));
    }
}

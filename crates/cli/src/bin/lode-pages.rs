//! Writes the manual pages of `lode` to DIRECTORY/man1 and the completions of shells to
//! DIRECTORY/completions.

use std::fs;
use std::io;
use std::path::Path;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use lode_cli::args::Arguments;

fn main() -> io::Result<()> {
    let Some(directory) = std::env::args_os().nth(1) else {
        eprintln!("usage: lode-pages DIRECTORY");
        std::process::exit(2);
    };
    let directory = Path::new(&directory);
    let pages = directory.join("man1");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(Arguments::command(), &pages)?;
    let completions = directory.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut Arguments::command(), "lode", &completions)?;
    }
    Ok(())
}

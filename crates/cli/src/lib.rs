//! The command line tool `lode`: feeds datasets from files, pipes and loggers, shows what a store holds, and
//! helps a person out when a commit is in doubt or a history forks.
//!
//! It is written on `lode-core` and has no rules of its own: each subcommand is a file here, named after it.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod args;
mod cat;
mod cp;
mod failure;
mod files;
mod gc;
mod ingest;
mod input;
mod log;
mod ls;
mod output;
mod producers;
mod progress;
mod repair;
mod show;
mod signals;
mod store;
mod verify;

use std::process::ExitCode;

use args::{Arguments, Command};
use clap::Parser;
use failure::Result;

/// Runs the tool with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.color.write_global();
    let settings = store::take_settings(arguments.store_settings.as_deref());
    let result = settings.and_then(|()| run(&arguments.command));
    let code = match &result {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    };
    ExitCode::from(code)
}

fn run(command: &Command) -> Result<()> {
    match command {
        Command::Ingest(options) => ingest::run(options),
        Command::Cat(options) => cat::run(options),
        Command::Ls(options) => ls::run(options),
        Command::Log(options) => log::run(options),
        Command::Show(options) => show::run(options),
        Command::Files(options) => files::run(options),
        Command::Producers(options) => producers::run(options),
        Command::Resolve(options) => repair::resolve(options),
        Command::Adopt(options) => repair::adopt(options),
        Command::Cp(options) => cp::run(options),
        Command::Verify(options) => verify::run(options),
        Command::Gc(options) => gc::run(options),
    }
}

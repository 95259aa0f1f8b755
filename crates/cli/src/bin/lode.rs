//! The command line tool `lode`.

fn main() -> std::process::ExitCode {
    lode_cli::main()
}

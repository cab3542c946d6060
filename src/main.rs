//! minions, the program. On this branch: the hidden subcommands of the runtimes alone.

use std::process::ExitCode;

use minions::runtimes::ollama::{Host, KEEPER_COMMAND, KeeperArgs, keeper_main};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [KEEPER_COMMAND, host, ollama, locks] => {
            let args = KeeperArgs {
                host: Host::parse(host),
                ollama: ollama.into(),
                locks: locks.into(),
                persistent: false,
                environment: std::env::vars().collect(),
            };
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return ExitCode::FAILURE;
            };
            if runtime.block_on(keeper_main(args)).is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        _ => ExitCode::SUCCESS,
    }
}

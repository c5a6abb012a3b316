//! The parts of `make bench` that a shell script cannot do: many live streams at once, an engine of 30,000 containers, and
//! the writer and the gateway without a server around them. Each prints lines of `name value…`, which the scripts in
//! scripts/bench read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, and measures real time"
)]

mod clients;
mod engine;
mod gateway;
mod measure;
mod search;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/it/support/stub.rs"]
mod stub;
#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/it/support/stub_answers.rs"]
mod stub_answers;
#[path = "../../tests/it/support/stub_wire.rs"]
mod stub_wire;
mod writer;

use clap::Parser;

#[derive(Parser)]
enum Command {
    /// Opens many live streams and tells who got what, and when
    Clients(clients::Args),
    /// Serves a stub engine until it is killed
    Engine(engine::Args),
    /// Serves a gateway until it is killed
    Gateway(gateway::Args),
    /// Records events on a real file as fast as it can
    Writer(writer::Args),
    /// How fast events are found among many
    Search(search::Args),
}

fn main() {
    // `cargo bench` says so to every target, and means nothing by it here.
    match Command::parse_from(std::env::args().filter(|argument| argument != "--bench")) {
        Command::Clients(args) => clients::run(args),
        Command::Engine(args) => engine::run(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::Writer(args) => writer::run(&args),
        Command::Search(args) => search::run(&args),
    }
}

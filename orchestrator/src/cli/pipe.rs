//! What is written to stdout and stderr. A reader that went away (`| head`) ends the program quietly, as it ends every
//! other one; it must never be a panic, and never a message.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

/// What a shell shows of a program that a closed pipe ended: 128 and SIGPIPE.
const CLOSED: i32 = 141;

pub(crate) fn data(text: Arguments<'_>) {
    ended(io::stdout().lock().write_fmt(text));
}

pub(crate) fn words(text: Arguments<'_>) {
    ended(io::stderr().lock().write_fmt(text));
}

/// For a server, which goes on when nobody reads its words.
pub(crate) fn told(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

/// Other causes (a full disk) have no better place to be told of.
fn ended(written: io::Result<()>) {
    if written.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(CLOSED);
    }
}

/// A line of data.
macro_rules! out {
    ($($text:tt)*) => { $crate::cli::pipe::data(format_args!("{}\n", format_args!($($text)*))) };
}

/// A line of words for a person.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::pipe::words(format_args!("{}\n", format_args!($($text)*))) };
}

/// A line of a server.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::pipe::told(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {out, say, tell};

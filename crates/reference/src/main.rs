//! Prints the text, for the page's folder.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(svclab_reference::TEXT.as_bytes())
}

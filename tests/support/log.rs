//! What a test has logged.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    /// A test runs on a thread of its own, and so does all that it awaits.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the log, as the functions write it and at the lowest level, from here on.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber = functions::log::subscriber(LevelFilter::TRACE, false, || Writer);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LOG.take();
}

/// What this thread has logged since.
pub(crate) fn text() -> String {
    String::from_utf8(LOG.take()).unwrap()
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

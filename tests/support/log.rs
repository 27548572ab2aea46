//! Captures the log of a test.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    /// Every test runs on its own thread, with everything that it awaits.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// From now on, captures the log of this thread at the lowest level, in the format of the
/// functions.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let subscriber = functions::log::subscriber(LevelFilter::TRACE, false, || Writer);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    LOG.take();
}

/// The log of this thread since the last call of this function or of [`start`].
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

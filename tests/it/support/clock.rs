//! A clock that a test moves while the server runs: libfaketime tells the process another time of the day.

use std::fs;
use std::path::PathBuf;

use super::server::Setup;

/// The clock of one server.
pub struct MovedClock {
    folder: tempfile::TempDir,
}

impl MovedClock {
    /// It shows the true time.
    pub fn new() -> MovedClock {
        let folder = tempfile::Builder::new().prefix("dw-clock-").tempdir().expect("a temporary folder");
        let clock = MovedClock { folder };
        clock.ahead(0);
        clock
    }

    /// So many seconds ahead of the true time, from now on.
    pub fn ahead(&self, seconds: i64) {
        // Never half written while it is read.
        let (new, file) = (self.folder.path().join("new"), self.file());
        fs::write(&new, format!("+{seconds}")).expect("write");
        fs::rename(new, file).expect("rename");
    }

    /// How far ahead a time is, s.
    pub fn until(time: &str) -> i64 {
        let time: jiff::Timestamp = time.parse().expect("a time");
        time.as_second() - jiff::Timestamp::now().as_second()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ahead")
    }

    /// A server that goes by it; the time that timers measure goes on as ever.
    pub fn of(&self, setup: Setup) -> Setup {
        let library = fs::read_dir("/usr/lib")
            .expect("/usr/lib")
            .flatten()
            .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
            .find(|path| path.exists())
            .expect("libfaketime is installed (scripts/test.sh does that)");
        setup
            .env("LD_PRELOAD", library.to_str().expect("UTF-8"))
            .env("FAKETIME_TIMESTAMP_FILE", self.file().to_str().expect("UTF-8"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC")
    }
}

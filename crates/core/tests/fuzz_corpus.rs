//! Replays the seeds and the finds of the fuzz targets, so that what was found once stays mended.

use std::path::Path;
use std::{env, fs};

#[path = "fuzz_corpus/http_date.rs"]
mod http_date;
#[path = "fuzz_corpus/retry_after.rs"]
mod retry_after;

#[expect(clippy::print_stdout, reason = "which file it was, if a check fails")]
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    if !folder.is_dir() {
        // The published crate comes without it.
        assert!(env::var_os("CI").is_none(), "no corpus of {target}");
        println!("skipped: no corpus of {target} here");
        return;
    }
    let mut replayed = 0;
    for entry in fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("a file of the corpus").path();
        println!("{}", path.display());
        check(&fs::read(path).expect("a file of the corpus"));
        replayed += 1;
    }
    assert!(replayed > 0, "the corpus of {target} is empty");
}

#[test]
fn retry_after() {
    replay("retry_after", retry_after::check);
}

#[test]
fn http_date() {
    replay("http_date", http_date::check);
}

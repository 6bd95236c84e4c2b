//! A disk without room, and a directory that another daemon has.

use std::fs::{self, File};
use std::io::Write as _;

use tempfile::TempDir;

use super::mount::Mount;
use super::until;
use crate::systemd::Service;

const DISK_BYTES: u64 = 16 << 20;

/// R65
#[test]
fn a_full_disk_puts_deliveries_off_and_loses_none_that_was_taken() {
    let dir = TempDir::new().unwrap();
    let Some(_disk) = Mount::memory(DISK_BYTES, dir.path()) else {
        return;
    };
    let mut service = Service::start_at(&dir.path().join("state"));
    let deliveries = service.deliveries();
    deliveries.another();
    let ballast = dir.path().join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[7; 4_096]).is_ok() {}
    drop(file);
    let unwritable = |service: &Service| {
        let merchant = &service.status()["merchants"][0];
        merchant["unwritable"].as_str().map(ToOwned::to_owned)
    };
    let why = until("a full disk", || unwritable(&service));
    assert!(why.contains("No space left"), "{why}");
    deliveries.another();
    fs::remove_file(ballast).unwrap();
    until("room", || unwritable(&service).is_none().then_some(()));
    deliveries.another();
    let (taken, refused) = deliveries.end();
    let put_off = |answer: &&String| {
        let answer = answer.to_lowercase();
        answer.contains("http/1.1 503 ") && answer.contains("retry-after: ")
    };
    assert!(
        !refused.is_empty() && refused.iter().all(|one| put_off(&one)),
        "{refused:?}"
    );
    let most = taken + u64::try_from(refused.len()).unwrap();
    let booked = service.wanted();
    assert!(
        (taken..=most).contains(&booked),
        "{booked} of {taken}, {refused:?}"
    );
    service.kill();
    service.again();
    assert_eq!(service.wanted(), booked);
    service.ask("verify");
}

/// R65
#[test]
fn a_second_daemon_is_refused_and_told_who_is_there() {
    let service = Service::start();
    let (exit, said) = service.try_to("run");
    assert_eq!(exit, Some(69), "{said}");
    for word in [
        "another daemon holds",
        &format!("process {}", service.id()),
        "help: ",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(service.deliveries().end().1.is_empty(), "the first goes on");
}

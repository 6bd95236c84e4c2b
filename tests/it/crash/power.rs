//! Power cuts: the device as it was at a moment, and nothing that was not on it yet.
//!
//! The state is on ext4 in an image. While the daemon stands still the image is copied: what was not
//! synced is in the kernel's memory only and not in the copy. On the copy a daemon starts and must
//! know what was acknowledged. Not played: a disk that forgets what it was told to keep, or tears a
//! sector.

use std::fs::{self, File};
use std::path::Path;

use tempfile::TempDir;

use super::mount::{Mount, run};
use super::{say, until, wanted};
use crate::systemd::{Deliveries, Service};

const IMAGE_BYTES: u64 = 64 << 20;

/// A directory on a device of its own.
fn device(dir: &Path) -> Option<Mount> {
    let (image, at) = (dir.join("image"), dir.join("disk"));
    File::create(&image).unwrap().set_len(IMAGE_BYTES).unwrap();
    fs::create_dir(&at).unwrap();
    run("mkfs.ext4", &["-q"], &[&image]).then(|| Mount::image(&image, &at))?
}

/// Copies the device while the daemon stands still; how many deliveries were acknowledged by then.
fn cut(service: &Service, deliveries: &Deliveries, from: &Path, to: &Path) -> u64 {
    service.signal("STOP");
    let state = format!("/proc/{}/stat", service.id());
    until("a stop", || {
        let state = fs::read_to_string(&state).unwrap();
        state.contains(") T ").then_some(())
    });
    let taken = deliveries.taken();
    fs::copy(from.join("image"), to.join("image")).unwrap();
    service.signal("CONT");
    taken
}

/// R65
#[test]
fn what_was_acknowledged_is_there_after_a_power_cut() {
    let dir = TempDir::new().unwrap();
    let Some(_disk) = device(dir.path()) else {
        return;
    };
    let service = Service::start_at(&dir.path().join("disk/state"));
    let deliveries = service.deliveries();
    let cuts = wanted("POWER_CUTS", 3);
    for number in 0..cuts {
        deliveries.another();
        let copy = TempDir::new().unwrap();
        let taken = cut(&service, &deliveries, dir.path(), copy.path());
        let at = copy.path().join("disk");
        fs::create_dir(&at).unwrap();
        let disk = Mount::image(&copy.path().join("image"), &at);
        let restarted = Service::start_at(&at.join("state"));
        let booked = restarted.wanted();
        // One more may have been synced and not answered yet.
        assert!((taken..=taken + 1).contains(&booked), "{booked} of {taken}");
        restarted.ask("verify");
        say(&format!(
            "cut {number}: {taken} acknowledged, {booked} there"
        ));
        drop((restarted, disk));
    }
    let (_, refused) = deliveries.end();
    assert_eq!(refused, Vec::<String>::new());
}

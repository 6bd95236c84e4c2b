//! Settings: a merchant's file, then the daemon's, then variables a line, behind lines of `%%`.
//!
//! They give the same configuration each time, or every fault with its place and what to do; neither
//! shows a secret.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use channelsync::settings::{Config, Faults, load};
use tempfile::TempDir;

use super::{parts, scratch};

const SECRET: &str = "shpat_never_shown";

pub(super) fn holds(bytes: &[u8]) {
    let mut parts = parts(bytes).into_iter();
    let (merchant, daemon) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let variables = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let env: BTreeMap<String, String> = variables
        .map(|(name, value)| (format!("CHANNELSYNC__{name}"), value.to_owned()))
        .collect();
    let dir = configured(merchant, daemon);
    let once = load(dir.path(), &env);
    assert_eq!(once, load(dir.path(), &env));
    match once {
        Ok(config) => is_discreet(&config),
        Err(faults) => are_told(
            &faults,
            merchant.split(|byte| *byte == b'\n').count(),
            daemon,
        ),
    }
}

fn configured(merchant: &[u8], daemon: &[u8]) -> TempDir {
    let dir = scratch();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("merchants.d")).unwrap();
    fs::write(path("merchants.d/acme.toml"), merchant).unwrap();
    fs::write(path("channelsync.toml"), daemon).unwrap();
    fs::write(path("secret"), SECRET).unwrap();
    fs::set_permissions(path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    dir
}

fn is_discreet(config: &Config) {
    assert!(!config.merchants.is_empty());
    assert!(!format!("{config:?}").contains(SECRET));
}

fn are_told(faults: &Faults, merchant_lines: usize, daemon: &[u8]) {
    let text = faults.to_string();
    assert!(!text.contains(SECRET), "{text}");
    let lines = merchant_lines.max(daemon.split(|byte| *byte == b'\n').count());
    for fault in faults.iter() {
        assert!(!fault.file.is_empty() && !fault.what.is_empty() && !fault.help.is_empty());
        assert!(
            fault.line.is_none_or(|line| (1..=lines).contains(&line)),
            "{fault:?}"
        );
    }
}

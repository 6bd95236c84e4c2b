//! Secrets, from files that only the daemon's user may read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use channelsync_contract::transport::Secret;

use super::address::Refusal;

const SECRET_BYTES_MAX: u64 = 4096;

/// Reads one secret from the file `name` below `dir`: one line of text, spaces around it taken off.
pub(super) fn read(dir: &Path, name: &str) -> Result<Secret, Refusal> {
    let file = &dir.join(name);
    // What does not look like a file may be the secret itself, put in the wrong place.
    let is_file_like = name.contains(['/', '.']) || file.exists();
    let shown = if is_file_like {
        file.display().to_string()
    } else {
        "the file named here".to_owned()
    };
    let unreadable = |error: std::io::Error| {
        let help = "write the secret to a file of mode 0600 and name that file".to_owned();
        (format!("cannot read {shown}: {error}"), help)
    };
    // Asked before it is opened, because opening a pipe would wait for its writer.
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err((
            format!("{shown} is no file"),
            "name the file that holds the secret".to_owned(),
        ));
    }
    let opened = File::open(file).map_err(unreadable)?;
    let mode = opened.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let what = format!("{shown} is open to others (mode {mode:04o})");
        return Err((what, format!("chmod 600 {shown}")));
    }
    let mut text = Vec::new();
    opened
        .take(SECRET_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    let help = format!("{shown} holds the secret alone, on one line");
    if u64::try_from(text.len()).is_ok_and(|length| length > SECRET_BYTES_MAX) {
        return Err((
            format!("{shown} is larger than {SECRET_BYTES_MAX} bytes"),
            help,
        ));
    }
    let Ok(text) = String::from_utf8(text) else {
        return Err((format!("{shown} is no text"), help));
    };
    match text.trim() {
        "" => Err((format!("{shown} is empty"), help)),
        secret if secret.chars().any(char::is_control) => {
            Err((format!("{shown} has more than one line"), help))
        }
        secret => Ok(Secret::new(secret)),
    }
}

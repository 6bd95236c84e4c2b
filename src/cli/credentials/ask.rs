//! Takes credentials: from a person on the terminal, unseen, or from a script as JSON.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::Deserialize;

use super::super::failure::{Exit, Failure};
use crate::daemon::{Access, Signing};

/// What a script may give at most.
const GIVEN_BYTES_MAX: u64 = 64 << 10;

/// What a person or a script gives.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Given {
    pub(super) access_token: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    /// Secrets that sign webhooks; without any it is the client secret.
    pub(super) webhook_secrets: Vec<String>,
}

impl Given {
    pub(super) fn access(&self) -> Result<Access, Failure> {
        let of = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let one_line = |text: &String| !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let access = match (
            of(&self.access_token),
            of(&self.client_id),
            of(&self.client_secret),
        ) {
            (Some(token), None, None) if one_line(&token) => Access::AccessToken { token },
            (None, Some(id), Some(secret)) if one_line(&id) && one_line(&secret) => {
                Access::Client { id, secret }
            }
            _ => {
                let help = "give client_id and client_secret, or access_token, without spaces";
                return Err(Failure::usage("credentials of no kind, or of two", help));
            }
        };
        Ok(access)
    }

    pub(super) fn signing(&self, access: &Access, wanted: bool) -> Result<Vec<Signing>, Failure> {
        let mut secrets = self.webhook_secrets.clone();
        secrets.retain(|secret| !secret.is_empty());
        if let (Access::Client { secret, .. }, true) = (access, secrets.is_empty()) {
            secrets.push(secret.clone());
        }
        if wanted && secrets.is_empty() {
            let help = "the app's API secret key signs them; or set `subscriptions = false`";
            return Err(Failure::usage("no secret for webhooks was given", help));
        }
        let until = None;
        Ok(secrets
            .into_iter()
            .map(|secret| Signing { secret, until })
            .collect())
    }
}

/// From a file that nobody else can read, or from standard input.
pub(super) fn read(file: &Path) -> Result<Given, Failure> {
    let shown = file.display();
    let failed = |error: io::Error| {
        Failure::new(
            Exit::Unavailable,
            format!("cannot read {shown}: {error}"),
            "name a file, or `-`",
        )
    };
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin()
            .take(GIVEN_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
    } else {
        let opened = std::fs::File::open(file).map_err(failed)?;
        let mode = opened.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let error = format!("{shown} is open to others (mode {mode:04o})");
            return Err(Failure::usage(error, format!("chmod 600 {shown}")));
        }
        opened
            .take(GIVEN_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
    }
    // The parser's own words could repeat a secret.
    serde_json::from_str(&text).map_err(|error| {
        let error = format!("{shown} is not as expected, line {}", error.line());
        let help = r#"as in {"client_id": "...", "client_secret": "..."}, or {"access_token": "...", "webhook_secrets": ["..."]}"#;
        Failure::usage(error, help)
    })
}

/// Asks on the terminal.
pub(super) fn ask(name: &str) -> Result<Given, Failure> {
    if !io::stdin().is_terminal() {
        let help = "give JSON with `--from -`, or ask on a terminal";
        return Err(Failure::usage("nobody can be asked here", help));
    }
    let id = shown(&format!(
        "client id of the app for {name} (empty: it has an access token)"
    ))?;
    if id.is_empty() {
        return Ok(Given {
            access_token: Some(hidden("access token (shpat_...)")?),
            webhook_secrets: vec![hidden("API secret key of the app (signs the webhooks)")?],
            ..Given::default()
        });
    }
    Ok(Given {
        client_id: Some(id),
        client_secret: Some(hidden("client secret (signs the webhooks, too)")?),
        ..Given::default()
    })
}

/// Asks for an app that a merchant is to let in.
pub(super) fn ask_app(name: &str) -> Result<Given, Failure> {
    if !io::stdin().is_terminal() {
        let help = "give JSON with `--from FILE`, or ask on a terminal";
        return Err(Failure::usage("nobody can be asked here", help));
    }
    Ok(Given {
        client_id: Some(shown(&format!("client id of the app for {name}"))?),
        client_secret: Some(hidden("client secret (signs the webhooks, too)")?),
        ..Given::default()
    })
}

fn shown(what: &str) -> Result<String, Failure> {
    let mut line = String::new();
    prompt(what)
        .and_then(|()| io::stdin().lock().read_line(&mut line))
        .map_err(|error| unasked(&error))?;
    Ok(line.trim().to_owned())
}

pub(super) fn hidden(what: &str) -> Result<String, Failure> {
    let typed = rpassword::prompt_password(format!("{what}: "));
    typed
        .map(|typed| typed.trim().to_owned())
        .map_err(|error| unasked(&error))
}

fn prompt(what: &str) -> io::Result<()> {
    use io::Write as _;
    let mut err = io::stderr();
    write!(err, "{what}: ")?;
    err.flush()
}

fn unasked(error: &io::Error) -> Failure {
    let help = "give JSON with `--from -`, or ask on a terminal";
    Failure::usage(format!("nobody can be asked here: {error}"), help)
}
